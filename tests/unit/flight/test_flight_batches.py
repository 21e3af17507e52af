"""The messages of a result: few, bounded, and none waits for more rows than were sent before it."""

import duckdb
import pyarrow as pa
import pytest

from lakehouse.flight.batches import MESSAGE_BYTES, IpcStream

TYPES = (
    "1", "0.5", "true", "'text'", "'\\xFF'::BLOB", "1.5::DECIMAL(38, 4)", "DATE '1969-12-31'",
    "TIME '10:00:00'", "TIMESTAMPTZ '2026-01-01'", "INTERVAL 1 DAY", "[1, NULL]", "[1, 2]::INTEGER[2]",
    "{'a': [{'b': 'x'}]}", "map {'k': 1}", "union_value(a := 1)", "'x'::ENUM ('x', 'y')", "NULL",
)  # fmt: skip


def sent(batches: list[pa.RecordBatch], piece_bytes: int = 100_000) -> list[pa.RecordBatch]:
    """The messages of a stream of these batches that arrives in pieces."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    whole = sink.getvalue().to_pybytes()
    places = range(0, len(whole), piece_bytes)
    pieces = iter([whole[place : place + piece_bytes] for place in places])
    return list(IpcStream(lambda: next(pieces, None)).batches())


def batches_of(sql: str, rows: int) -> list[pa.RecordBatch]:
    with duckdb.connect() as connection:
        return list(connection.sql(sql).to_arrow_reader(rows))


def test_small_batches_are_sent_together() -> None:
    batches = batches_of("SELECT i, i * 2 AS j FROM range(800000) t(i)", 8_192)
    messages = sent(batches)
    assert len(batches) == 98 and len(messages) < 16
    assert pa.Table.from_batches(messages).equals(pa.Table.from_batches(batches))
    assert max(each.nbytes for each in messages) <= MESSAGE_BYTES
    before = 0
    for each in messages:
        assert each.num_rows <= max(before + 8_192, 8_192)
        before += each.num_rows
    assert messages[0].num_rows == 8_192, "the first rows wait for no others"


def test_a_large_batch_is_divided() -> None:
    batches = batches_of("SELECT repeat('x', 1000) AS wide FROM range(10000)", 10_000)
    messages = sent(batches)
    assert max(each.nbytes for each in messages) <= MESSAGE_BYTES
    assert pa.Table.from_batches(messages).equals(pa.Table.from_batches(batches))


@pytest.mark.parametrize("value", TYPES)
def test_batches_of_each_type_are_joined(value: str) -> None:
    sql = f"SELECT CASE WHEN i % 3 <> 0 THEN {value} END AS v FROM range(10000) t(i)"
    batches = batches_of(sql, 2_048)
    messages = sent(batches)
    assert 1 < len(messages) < len(batches)
    found, wanted = pa.Table.from_batches(messages), pa.Table.from_batches(batches)
    assert found.schema == wanted.schema and found.to_pylist() == wanted.to_pylist()
