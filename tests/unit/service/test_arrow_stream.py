"""A worker's Arrow stream in a thread: whole, cut off, refused, or not read to its end."""

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.rows.arrow_stream import read_in_thread

BATCH = pa.record_batch({"n": pa.array(range(1_000), pa.int64())})


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def stream(batches: int) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, BATCH.schema) as writer:
        for _ in range(batches):
            writer.write_batch(BATCH)
    return sink.getvalue().to_pybytes()


async def pieces(
    body: bytes, size: int = 1_000, error: Exception | None = None
) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]
    if error is not None:
        raise error


def count(reader: pa.RecordBatchReader) -> int:
    return sum(batch.num_rows for batch in reader)


async def test_it_is_read_while_it_comes(pool: ThreadPoolExecutor) -> None:
    assert await read_in_thread(pool, pieces(stream(300)), count) == 300_000


async def test_what_was_read_of_a_stream_that_fails_does_not_count(
    pool: ThreadPoolExecutor,
) -> None:
    refused = RefusedError(Refused("query_timeout", "late"))
    with pytest.raises(RefusedError, match="late"):
        await read_in_thread(pool, pieces(stream(3), error=refused), count)


async def test_a_failure_of_the_work_ends_the_query_by_itself(pool: ThreadPoolExecutor) -> None:
    def fail(reader: pa.RecordBatchReader) -> int:
        next(iter(reader))
        raise ValueError("enough")

    taken = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal taken
        async for piece in pieces(stream(3_000), 100_000):
            taken += 1
            yield piece

    with pytest.raises(ValueError, match="enough"):
        await read_in_thread(pool, counted(), fail)
    assert taken == -(-len(stream(3_000)) // 100_000)


async def test_a_stream_that_is_no_arrow_is_an_error(pool: ThreadPoolExecutor) -> None:
    with pytest.raises(pa.ArrowInvalid):
        await read_in_thread(pool, pieces(b"no arrow at all" * 1_000), count)
