"""The fixed budget of seeds. Files of tests share it, since a file is run by one process."""

from tests.simulation.__main__ import report
from tests.simulation.world import DELEGATING, run

AT_ONCE = 100
FIRST, FURTHER = range(0, 300, AT_ONCE), range(300, 600, AT_ONCE)
TOGETHER = range(DELEGATING, DELEGATING + 200, AT_ONCE)
"""Those in which processes hand changes over."""


def check(first: int) -> None:
    """Every promise holds in AT_ONCE seeds; `ops/simulate --minutes N` goes on from there."""
    for seed in range(first, first + AT_ONCE):
        done = run(seed)
        assert not done.broken, report(done)
