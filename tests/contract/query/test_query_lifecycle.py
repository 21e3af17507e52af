"""How queries end: in time, on a kill, out of memory, with the caller, with the server."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from worker_processes import busiest, resident_bytes, worker_pids

from lakehouse.domain.errors import RefusedError
from lakehouse.process.forking.fork_server import ForkServer
from lakehouse.query.engine import Query
from lakehouse.query.processes.worker_handle import PROGRAM

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def forks() -> AsyncIterator[ForkServer]:
    """A test's own: tests of processes count, kill and replace them."""
    started = ForkServer((PROGRAM,))
    yield started
    await started.close()


ENDLESS = {
    "cross join": "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range > b.range",
    "sort": "SELECT * FROM range(1000000000) t(i) ORDER BY hash(i) LIMIT 5 OFFSET 900000000",
    "recursive CTE": "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
    "regex": "SELECT count(*) FROM range(99999999) WHERE regexp_matches(repeat(range::TEXT, 999), '(.*)*b')",
    "stream": "SELECT i, hash(i) FROM range(100000000000) t(i)",
    "repeat": "SELECT sum(length(repeat('x', 3000000000))) FROM range(1000)",
    "one long call": "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))",
}
BEGINS_WITHIN_S = 3.0
"""Time limits of queries whose first rows must come before."""
WITHIN_S = 60.0
"""What is waited for comes at once on an idle machine, and in seconds on a busy one."""


@pytest.mark.parametrize("sql", ENDLESS.values(), ids=ENDLESS.keys())
async def test_a_query_without_end_gets_an_answer_in_time_and_the_next_one_works(
    make_lake: Callable[..., Any], sql: str
) -> None:
    lake = await make_lake(workers=1, memory_limit_bytes=256 * 2**20)
    with pytest.raises(RefusedError) as caught:
        await lake.ask(sql, timeout_s=1)
    assert caught.value.refused.code in ("query_timeout", "query_out_of_memory")
    assert await lake.rows("SELECT sum(amount) FROM Sales") == [[100]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT list(i) FROM range(500000000) t(i)",
        "SELECT repeat('x', 4000000000) || repeat('y', 4000000000)",
        "SELECT string_agg(repeat('x', 1000000), '') FROM range(5000)",
        "SELECT count(*) FROM (SELECT DISTINCT md5(i::VARCHAR) FROM range(8000000) t(i))",
    ],
)
async def test_a_query_that_wants_too_much_memory_is_told_so(
    make_lake: Callable[..., Any], sql: str
) -> None:
    lake = await make_lake(
        workers=1,
        memory_limit_bytes=128 * 2**20,
        address_space_bytes=2 * 2**30,
        temp_limit_bytes=64 * 2**20,
    )
    with pytest.raises(RefusedError) as caught:
        await lake.ask(sql)
    assert caught.value.refused.code == "query_out_of_memory"
    assert await lake.rows("SELECT sum(amount) FROM Sales") == [[100]]


DEEP = {
    "casts as deep as DuckDB takes them": (
        "SELECT " + "CAST(" * 900 + "1" + " AS INT)" * 900 + " AS x",
        None,
    ),
    "subqueries": ("SELECT * FROM " + "(FROM " * 300 + "range(1)" + ")" * 300, None),
    "a long list": (f"SELECT 1 IN ({', '.join(map(str, range(20000)))}) AS x", None),
    "a deeper sum": ("SELECT " + "+".join(["1"] * 100_000), "sql_error"),
    "parentheses": ("SELECT " + "(" * 300_000 + "1" + ")" * 300_000, "sql_error"),
    "brackets": ("SELECT " + "[" * 300_000, "sql_error"),
    "negations": ("SELECT " + "NOT " * 100_000 + "true", "sql_error"),
    "the text of an error of ours": ("SELECT error('INTERNAL Error: std::bad_alloc')", "sql_error"),
}


@pytest.mark.parametrize(("sql", "code"), DEEP.values(), ids=DEEP.keys())
async def test_a_monstrous_statement_neither_kills_nor_confuses(
    make_lake: Callable[..., Any], sql: str, code: str | None
) -> None:
    lake = await make_lake(workers=1)
    pids = worker_pids()
    try:
        await lake.ask(sql)
        assert code is None
    except RefusedError as error:
        assert error.refused.code == code, error
    assert await lake.rows("SELECT 1") == [[1]]
    assert worker_pids() == pids


async def test_a_statement_of_60000_selects_ends_at_a_limit(make_lake: Callable[..., Any]) -> None:
    lake = await make_lake(workers=1, timeout_s=3.0)
    with pytest.raises(RefusedError) as caught:
        await lake.ask(" UNION ALL ".join(["SELECT 1"] * 60_000))
    assert caught.value.refused.code in ("query_timeout", "query_out_of_memory")
    assert await lake.rows("SELECT 1") == [[1]]


async def test_a_timeout_midway_breaks_the_result_off(make_lake: Callable[..., Any]) -> None:
    lake = await make_lake(workers=1)
    received = 0
    with pytest.raises(RefusedError) as caught:
        query = Query(ENDLESS["stream"], timeout_s=BEGINS_WITHIN_S)
        async with lake.engine.run(query, lake.resolve) as result:
            async for chunk in result.chunks:
                received += len(chunk)
                # Answered once the time of the other is over: there is one worker, and nobody reads on.
                assert await lake.rows("SELECT 1") == [[1]]
    assert caught.value.refused.code == "query_timeout"
    assert received > 0


async def test_an_error_midway_breaks_the_result_off(lake: Any) -> None:
    sql = "SELECT if(i = 900000, error('midway'), i) FROM range(1000000) t(i)"
    received = 0
    with pytest.raises(RefusedError) as caught:
        async with lake.engine.run(Query(sql), lake.resolve) as result:
            async for chunk in result.chunks:
                received += len(chunk)
    assert caught.value.refused.code == "sql_error"
    assert "midway" in caught.value.refused.detail
    assert received > 0
    assert await lake.rows("SELECT 1") == [[1]]


async def test_a_reader_that_stops_holds_back_the_worker_and_loses_it_in_time(
    make_lake: Callable[..., Any],
) -> None:
    lake = await make_lake(workers=1)
    query = Query("SELECT i FROM range(100000000000) t(i)", timeout_s=BEGINS_WITHIN_S)
    async with lake.engine.run(query, lake.resolve) as result:
        chunks = aiter(result.chunks)
        await anext(chunks)
        pid = worker_pids()[0]
        before = resident_bytes(pid)
        await asyncio.sleep(0.5)
        assert resident_bytes(pid) < before + 32 * 2**20
        # The slot is free again although this reader has neither left nor read on.
        assert await lake.rows("SELECT 1") == [[1]]


async def test_cancelling_the_caller_frees_the_worker(make_lake: Callable[..., Any]) -> None:
    lake = await make_lake(workers=1)
    for sql in (ENDLESS["cross join"], ENDLESS["one long call"], ENDLESS["stream"]):
        asking = asyncio.create_task(lake.ask(sql))
        await asyncio.sleep(0.3)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await lake.rows("SELECT 1") == [[1]]


async def test_leaving_early_frees_the_worker_and_keeps_it(make_lake: Callable[..., Any]) -> None:
    lake = await make_lake(workers=1)
    pids = worker_pids()
    for _ in range(20):
        async with lake.engine.run(Query(ENDLESS["stream"]), lake.resolve) as result:
            async for _chunk in result.chunks:
                break
        assert await lake.rows("SELECT 7") == [[7]]
    assert worker_pids() == pids


async def test_a_worker_killed_midway_is_replaced_and_others_go_on(
    make_lake: Callable[..., Any],
) -> None:
    lake = await make_lake(workers=2)
    victim_query = asyncio.create_task(lake.ask(ENDLESS["cross join"]))
    pids = worker_pids()
    victim = await busiest(pids)
    os.kill(victim, signal.SIGKILL)
    assert await lake.rows("SELECT sum(amount) FROM Sales") == [[100]]
    with pytest.raises(RefusedError) as caught:
        await victim_query
    assert caught.value.refused.code == "query_killed"
    both = await asyncio.gather(lake.rows("SELECT 1"), lake.rows("SELECT 2"))
    assert both == [[[1]], [[2]]]
    async with asyncio.timeout(WITHIN_S):
        while len(worker_pids()) < len(pids):
            await asyncio.sleep(0.02)
    assert victim not in worker_pids()


async def test_a_worker_that_died_idle_is_no_query_s_business(
    make_lake: Callable[..., Any],
) -> None:
    lake = await make_lake(workers=1)
    [idle] = worker_pids()
    os.kill(idle, signal.SIGKILL)
    async with asyncio.timeout(WITHIN_S):
        while Path(f"/proc/{idle}").exists():  # until it is dead and reaped
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.02)  # the loop sees the socket that it closed
    assert await lake.rows("SELECT 1") == [[1]]


async def test_a_resolver_that_fails_leaves_a_usable_worker(make_lake: Callable[..., Any]) -> None:
    lake = await make_lake(workers=1)

    async def broken(names: frozenset[str] | None) -> Any:
        raise LookupError(names)

    for _ in range(3):
        with pytest.raises(LookupError):
            async with lake.engine.run(Query("FROM Sales"), broken):
                pass
        assert await lake.rows("SELECT count(*) FROM Sales") == [[4]]


async def test_a_resolver_that_takes_too_long_is_called_off_in_time(
    make_lake: Callable[..., Any],
) -> None:
    lake = await make_lake(workers=1)
    called_off = []

    async def slow(names: frozenset[str] | None) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            called_off.append(names)

    with pytest.raises(RefusedError) as caught:
        async with lake.engine.run(Query("FROM Sales", timeout_s=BEGINS_WITHIN_S), slow):
            pass
    assert caught.value.refused.code == "query_timeout"
    assert called_off == [frozenset({"sales"})]
    assert await lake.rows("SELECT count(*) FROM Sales") == [[4]]


async def test_a_worker_that_keeps_too_much_memory_is_replaced_without_a_loss(
    make_lake: Callable[..., Any],
) -> None:
    lake = await make_lake(workers=1, growth_bytes=-(1024**3))
    (first,) = worker_pids()
    while first in worker_pids():
        assert await lake.rows("SELECT count(*) FROM Sales") == [[4]]
    assert await lake.rows("SELECT count(*) FROM Sales") == [[4]]


async def test_a_full_queue_is_busy_and_waiting_is_fair(make_lake: Callable[..., Any]) -> None:
    lake = await make_lake(workers=1, max_waiting=3, waiting_s=WITHIN_S, timeout_s=2 * WITHIN_S)
    order: list[int] = []

    async def ask(number: int) -> None:
        await lake.rows(f"SELECT {number}")
        order.append(number)

    endless = await _running(lake, ENDLESS["cross join"])
    asked = [asyncio.create_task(ask(number)) for number in range(3)]
    await asyncio.sleep(0)  # each asks for a place before it waits for anything else
    with pytest.raises(RefusedError) as caught:
        await lake.rows("SELECT 1")
    assert caught.value.refused.code == "busy"
    assert caught.value.refused.retry_after_s
    endless.cancel()
    await asyncio.gather(*asked)
    assert order == [0, 1, 2]


async def test_waiting_too_long_is_busy(make_lake: Callable[..., Any]) -> None:
    lake = await make_lake(workers=1, waiting_s=0.2)
    endless = await _running(lake, ENDLESS["cross join"])
    with pytest.raises(RefusedError) as caught:
        await lake.rows("SELECT 1")
    assert caught.value.refused.code == "busy"
    endless.cancel()
    with pytest.raises(asyncio.CancelledError):
        await endless


async def _running(lake: Any, sql: str) -> asyncio.Task[Any]:
    """A query that has the place of the only worker."""
    asked = asyncio.create_task(lake.ask(sql))
    async with asyncio.timeout(WITHIN_S):
        while not lake.engine._places.queue.running:
            await asyncio.sleep(0)
    return asked


async def test_eight_at_once_get_their_own_answers(make_lake: Callable[..., Any]) -> None:
    lake = await make_lake(workers=2)

    async def ask(number: int) -> None:
        for turn in range(10):
            sql = "SELECT $1, sum(i), (SELECT count(*) FROM Sales) FROM range($2) t(i)"
            end = 1000 * number + turn
            rows = await lake.rows(sql, [number, end])
            assert rows == [[number, end * (end - 1) // 2 if end else None, 4]]

    await asyncio.gather(*(ask(number) for number in range(8)))


async def test_nothing_stays_between_queries(make_lake: Callable[..., Any]) -> None:
    lake = await make_lake(workers=1)
    assert await lake.rows("SELECT count(*) FROM Sales") == [[4]]
    kept = lake.views.pop("sales")
    with pytest.raises(RefusedError) as caught:
        await lake.ask("FROM Sales")
    assert caught.value.refused.code == "sql_error"
    assert ["Sales"] not in await lake.rows("SHOW TABLES")
    lake.views["sales"] = kept
    await lake.rows("SELECT setseed(0.5)")
    assert await lake.rows("SELECT random()") != await lake.rows("SELECT random()")
