"""The asynchronous twin: the same calls, awaited."""

import asyncio
from collections.abc import Callable

import pyarrow as pa
import pytest

import lakehouse
import lakehouse.aio


async def test_the_same_calls(url: str, fresh: Callable[[], str]) -> None:
    name = fresh()
    async with lakehouse.aio.connect(url, actor="tester") as lake:
        first = await lake.ingest([{"a": 1}], name=name)
        result = await lake.sql(f"SELECT a FROM {name} WHERE a = ?", [1])
        assert (result.columns, await result.rows()) == (["a"], [(1,)])
        async with lake.transaction() as together:
            await together.ingest(b"a\n2\n", name=name, mode="append")
            together.put_view(f"{name}_view", sql=f"FROM {name}")
        assert await (await lake.sql(f"SELECT sum(a) FROM {name}_view")).one() == 3
        dataset = lake.dataset(name)
        assert (await dataset.row_count(), (await dataset.arrow(first.seq)).num_rows) == (2, 1)
        assert name in [each.name for each in await lake.datasets()]
        seen = [event.seq async for event in lake.events(after=first.seq - 1, dataset=name)]
        assert seen == [each.seq for each in await dataset.history()]
        with pytest.raises(lakehouse.Error) as refused:
            await lake.sql("SELECT nope")
        assert refused.value.code == "sql_error"


async def test_batches_are_iterated(url: str) -> None:
    async with lakehouse.aio.connect(url) as lake:
        result = await lake.sql("SELECT i FROM range(100000) r(i)")
        batches: list[pa.RecordBatch] = [batch async for batch in result]
        assert sum(batch.num_rows for batch in batches) == 100_000


async def test_calls_run_side_by_side(url: str) -> None:
    async with lakehouse.aio.connect(url) as lake:
        results = await asyncio.gather(*(lake.sql(f"SELECT {n}") for n in range(20)))
        assert [await each.one() for each in results] == list(range(20))


async def test_a_call_that_is_cancelled_stops_its_statement(url: str) -> None:
    slow = "SELECT count(*) FROM range(100000000000) a"
    running = "SELECT count(*) FROM lake.queries WHERE starts_with(sql, ?) AND outcome IS NULL"
    async with lakehouse.aio.connect(url) as lake, lakehouse.aio.connect(url) as other:
        call = asyncio.create_task(lake.sql(slow))
        queries = lakehouse.connect(url)
        while not [each for each in _running(queries) if each == slow]:
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        while await (await other.sql(running, [slow])).one():
            pass
        queries.close()


def _running(lake: "lakehouse.client.lake.Lake") -> list[str]:
    from lakehouse.api.sql import RunningQueries
    from lakehouse.client import request

    found = lake.http.json(request.get("/v1/queries"), RunningQueries)
    return [each.sql for each in found.queries]
