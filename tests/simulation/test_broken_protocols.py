"""Each rule of the protocol, broken on purpose, is found within a bounded number of seeds."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.simulation.broken_change_sets import CHANGE_SETS
from tests.simulation.broken_compaction import COMPACTIONS
from tests.simulation.broken_delegation import DELEGATIONS
from tests.simulation.broken_derivations import DERIVATIONS
from tests.simulation.broken_erasures import ERASURES
from tests.simulation.broken_gc import COLLECTIONS
from tests.simulation.broken_protocols import PROTOCOLS
from tests.simulation.broken_rows import ROW_CHANGES
from tests.simulation.world import DELEGATING, ERASING, run

SEEDS = 200
FIRST = {
    **dict.fromkeys(ERASURES, ERASING),
    **dict.fromkeys(DELEGATIONS, DELEGATING),
}
"""The seed from which a rule is searched, if not from 0."""


@pytest.mark.parametrize(
    "broken",
    [
        *(*PROTOCOLS, *COLLECTIONS, *CHANGE_SETS, *ROW_CHANGES, *DERIVATIONS, *COMPACTIONS),
        *(*ERASURES, *DELEGATIONS),
    ],
    ids=lambda broken: broken.__name__,
)
def test_is_found(broken: Callable[[], AbstractContextManager[None]]) -> None:
    first = FIRST.get(broken, 0)
    for seed in range(first, first + SEEDS):
        with broken():
            done = run(seed)
        if done.broken:
            print(f"found by seed {seed}: {done.broken[0]}")
            return
    pytest.fail(
        f"{broken.__doc__} Not found in {SEEDS} seeds from {first}: make the simulation harder"
    )
