"""The thread that computes the next batch of a result: order, errors, and that it always stops."""

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from duckdb_sessions import cursor

from lakehouse.query.worker.channel.batch_thread import BatchesAhead, BatchThread
from lakehouse.query.worker.execution import BATCH_ROWS

_WIDE = "SELECT i, repeat('x', 1000) AS x FROM range(1000000000000) t(i)"
"""DuckDB computes at most a megabyte before it yields rows."""
STALLED = f"{_WIDE} WHERE i < 20000"
"""Two batches at once, and no third for hours."""
FAILING = f"{_WIDE} WHERE CASE WHEN i < 40000 THEN true ELSE error('late') END"
SCHEMA = pa.schema([("i", pa.int64())])


def reader(session: duckdb.DuckDBPyConnection, sql: str) -> Any:
    streaming: Any = session
    return streaming._submit(sql, None, "stream", BATCH_ROWS).arrow_reader()


def batch(number: int) -> pa.RecordBatch:
    return pa.record_batch({"i": [number] * BATCH_ROWS}, SCHEMA)


@pytest.fixture(scope="module")
def thread() -> BatchThread:
    return BatchThread()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 9])
def test_the_batches_come_in_their_order(thread: BatchThread, count: int) -> None:
    batches = [batch(number) for number in range(count)]
    with BatchesAhead(thread, cursor()) as ahead:
        found = list(ahead.batches(pa.RecordBatchReader.from_batches(SCHEMA, iter(batches))))
    assert found == batches


class NoThread(BatchThread):
    def run(self, reading: Callable[[], None]) -> None:
        raise AssertionError("a small result uses the thread")


@pytest.mark.parametrize("rows", [1, BATCH_ROWS - 1])
def test_a_small_result_needs_no_thread(rows: int) -> None:
    session = cursor()
    with BatchesAhead(NoThread(), session) as ahead:
        found = list(ahead.batches(reader(session, f"SELECT i FROM range({rows}) t(i)")))
    assert [each.num_rows for each in found] == [rows]


def test_an_error_comes_after_the_batches_before_it(thread: BatchThread) -> None:
    session, found = cursor(), []
    with BatchesAhead(thread, session) as ahead, pytest.raises(OSError, match="late"):
        for each in ahead.batches(reader(session, FAILING)):
            found.append(each["i"][0].as_py())
    assert found[:3] == [0, 8192, 16384]


def test_at_most_one_batch_is_computed_ahead(thread: BatchThread) -> None:
    computed: list[int] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(9):
            computed.append(number)
            yield batch(number)

    with BatchesAhead(thread, cursor()) as ahead:
        for number, _ in enumerate(
            ahead.batches(pa.RecordBatchReader.from_batches(SCHEMA, batches()))
        ):
            assert len(computed) <= number + 2
    assert computed == list(range(9))


def stopped_by_an_error(ahead: BatchesAhead, session: duckdb.DuckDBPyConnection) -> None:
    for number, _ in enumerate(ahead.batches(reader(session, STALLED))):
        if number == 1:
            raise ValueError("the reader of the batches fails")


def stopped_by_an_interrupt(ahead: BatchesAhead, session: duckdb.DuckDBPyConnection) -> None:
    for number, _ in enumerate(ahead.batches(reader(session, STALLED))):
        if number == 1:
            session.interrupt()


@pytest.mark.parametrize(
    ("use", "error"),
    [
        (stopped_by_an_error, ValueError),
        (stopped_by_an_interrupt, OSError),
    ],
)
@pytest.mark.timeout(120)
def test_leaving_stops_what_is_computed(
    thread: BatchThread,
    use: Callable[[BatchesAhead, duckdb.DuckDBPyConnection], None],
    error: type[Exception],
) -> None:
    session = cursor()
    with pytest.raises(error), BatchesAhead(thread, session) as ahead:
        use(ahead, session)
    assert session.execute("SELECT 42").fetchall() == [(42,)]  # the cursor is free again
    session.close()
