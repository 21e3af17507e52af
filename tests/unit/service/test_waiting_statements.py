"""The statements that wait are bounded together by bytes, and no principal pays for another one's."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest
from builders import FakeClock, given

from lakehouse.commit.node import Node
from lakehouse.domain.errors import RefusedError
from lakehouse.query.waiting.waiting_bytes import MAX_WAITING_BYTES
from lakehouse.service.caller import Caller
from lakehouse.service.sql.queries import Queries

BO = Caller("bo", 0.0, principal="bo")
CY = Caller("cy", 0.0, principal="cy")
HALF = MAX_WAITING_BYTES // 2


@pytest.fixture
def queries() -> Queries:
    """Only the state and the clock of a node are asked."""
    return Queries(cast("Node", SimpleNamespace(state=given(), clock=FakeClock())))


class Statements:
    """Queries that wait until `release` is set."""

    def __init__(self, queries: Queries) -> None:
        self.release = asyncio.Event()
        self._queries = queries

    async def begun(
        self, caller: Caller, size_bytes: int, *, runs: bool = False
    ) -> asyncio.Task[str]:
        task = asyncio.create_task(self._one(caller, size_bytes, runs=runs))
        await asyncio.sleep(0)
        return task

    async def _one(self, caller: Caller, size_bytes: int, *, runs: bool) -> str:
        try:
            with self._queries.track(caller, "q", "SELECT 1", "json", 0, size_bytes) as record:
                if runs:
                    record.begin()
                await self.release.wait()
        except RefusedError as error:
            return error.refused.code
        return "done"


async def test_the_newest_of_who_has_the_most_is_busy(queries: Queries) -> None:
    statements = Statements(queries)
    oldest, newest = [await statements.begun(BO, HALF) for _ in range(2)]
    own = await statements.begun(BO, 1)
    assert await asyncio.wait_for(own, 60) == "busy"
    other = await statements.begun(CY, 10)
    assert await asyncio.wait_for(newest, 60) == "busy"
    statements.release.set()
    assert [await oldest, await other] == ["done", "done"]
    assert [each.state for each in queries.ended()] == ["busy", "busy", "done", "done"]


async def test_what_runs_or_has_ended_is_not_counted(queries: Queries) -> None:
    statements = Statements(queries)
    running = await statements.begun(BO, MAX_WAITING_BYTES, runs=True)
    waiting = await statements.begun(BO, MAX_WAITING_BYTES)
    statements.release.set()
    assert [await running, await waiting] == ["done", "done"]
    assert await (await statements.begun(BO, MAX_WAITING_BYTES)) == "done"


async def test_a_client_that_leaves_at_that_moment_is_no_refusal(queries: Queries) -> None:
    statements = Statements(queries)
    waiting = await statements.begun(BO, MAX_WAITING_BYTES)
    other = asyncio.create_task(statements._one(CY, HALF, runs=False))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    statements.release.set()
    assert await other == "done"
