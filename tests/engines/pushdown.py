"""How much less an engine reads of a table of several objects when a filter matches one of them alone."""

import random
from collections.abc import Iterator

from lakehouse.client.lake import Lake
from tests.engines.counting_proxy import CountingProxy
from tests.engines.engine_process import Reader

TABLE = "parts"
OBJECTS, ROWS = 8, 40_000
BOUND = (OBJECTS - 1) * ROWS - 1
"""Only the last object has numbers above it."""
FEW = 0.8
"""The share of the bytes below which a filter counts as pushed down. One object of eight is an eighth, but
manifests have no bounds: each engine opens every object, and some read more than its footer at first."""


def fill(lake: Lake) -> None:
    """Objects of about 3 MB, each with the next numbers."""
    chance = random.Random(1)
    for number in range(OBJECTS):
        lines = [
            f"{n},{chance.randbytes(32).hex()}" for n in range(number * ROWS, (number + 1) * ROWS)
        ]
        lake.ingest("\n".join(["n,noise", *lines]).encode(), TABLE, "append")


def measured(reader: Reader, proxy: CountingProxy) -> Iterator[tuple[str, str]]:
    """(aspect, what): what the engine read of the objects, and what is wrong, if anything is.

    The filter comes first: what an engine has in a cache makes the share of the bytes larger.
    """
    proxy.take()
    found = reader.ask(table=TABLE, above=["n", BOUND], count=True)
    objects, size_bytes = proxy.take()
    all_found = reader.ask(table=TABLE, snapshot=None, count=True)
    all_objects, all_bytes = proxy.take()
    if (found, all_found) != ({"count": ROWS}, {"count": OBJECTS * ROWS}):
        yield "pushdown", f"{found} of {all_found}"
    elif all_objects != OBJECTS or not size_bytes:
        yield "pushdown", f"{size_bytes:,} bytes, then {all_objects} objects were read"
    else:
        share = size_bytes / all_bytes
        yield "read", f"{share:.0%} of the bytes, {objects} of {OBJECTS} objects"
        if share > FEW:
            yield "pushdown", f"{size_bytes:,} of {all_bytes:,} bytes"
