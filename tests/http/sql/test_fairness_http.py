"""A crowd of one principal does not keep another from its answers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from lake_server import Lake, running_lake
from manual_clock import ManualClock
from principals import closed, principal
from raw_http import Client
from refusals import refused

from lakehouse.query.engine import OTHERS_PATIENCE_S, OWN_PATIENCE_S

LARGE = "SELECT repeat('x', 1000) AS a FROM range(10000000)"
QUEUE = 4
SLEEPING = 1
"""What sleeps by the clock besides results: the watch over heads of requests."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def lake(tmp_path: Path, clock: ManualClock) -> Iterator[Lake]:
    """Two queries run at the same time, and four wait. Clients' time stands still."""
    settings = {"query_workers": 2, "query_queue": QUEUE}
    with running_lake(tmp_path / "bucket", clock=clock, **settings) as lake:
        lake.token = closed(lake)
        yield lake


def crowd_of(lake: Lake, stack: ExitStack, client: Client, size: int) -> None:
    """Send queries of the client, whose results it does not read, until `size` are in flight."""
    for _ in range(size - lake.service.sql.queries.count()):
        sock = stack.enter_context(closing(client.connect()))
        sock.sendall(client.request("POST", "/v1/sql", {"sql": LARGE}))
    while lake.service.sql.queries.count() < size:
        lake.ask("GET", "/v1/queries")


def states(lake: Lake) -> list[str]:
    return [each["state"] for each in lake.ask("GET", "/v1/queries").json["queries"]]


def test_another_principal_is_answered_beside_slow_readers_and_a_full_queue(lake: Lake) -> None:
    crowd, bea = principal(lake, "crowd"), principal(lake, "bea")
    with ExitStack() as stack:
        crowd_of(lake, stack, crowd, 2 + QUEUE)
        while states(lake) != ["running"] * 2 + ["waiting"] * QUEUE:
            pass
        refused(crowd.ask("POST", "/v1/sql", {"sql": "SELECT 1"}), 503, "busy")
        for number in range(20):
            answer = bea.ask("POST", "/v1/sql", {"sql": f"SELECT {number} AS x"})
            assert answer.json["rows"] == [[number]]
        assert states(lake) == ["running"] * 2 + ["waiting"] * QUEUE, "and nobody lost anything"


def test_results_that_nobody_takes_end_sooner_for_other_principals(
    lake: Lake, clock: ManualClock
) -> None:
    """The places of a crowd, and the one beyond them, are held; a third principal waits."""
    crowd, bea, cleo = (principal(lake, name) for name in ("crowd", "bea", "cleo"))
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        crowd_of(lake, stack, crowd, 2)
        crowd_of(lake, stack, bea, 3)
        while states(lake) != ["running"] * 3:
            pass
        lake.run(clock.until_asleep(SLEEPING + 3))
        lake.run(clock.advance(1.0))
        waiting = pool.submit(cleo.ask, "POST", "/v1/sql", {"sql": "SELECT 1 AS x"})
        while states(lake).count("waiting") < 1:
            pass
        for _ in range(round(OTHERS_PATIENCE_S) + 2):
            lake.run(clock.advance(1.0))
        assert waiting.result(60).status == 200
    assert clock.monotonic() < OWN_PATIENCE_S
