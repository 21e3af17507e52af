"""Many rows, written by DuckDB: the bytes are those that Arrow's columns have."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from duckdb_sessions import cursor
from hypothesis import given, settings
from hypothesis import strategies as st
from test_few_values_properties import TYPES

from lakehouse.query.render.rows import rows_json
from lakehouse.query.worker.bulk_json import FEWEST_ROWS, BulkJson
from lakehouse.query.worker.execution import document
from lakehouse.query.worker.sandbox import parser_connection

ORDINARY: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int64(), st.integers(-(2**53), 2**53)),
    (pa.uint64(), st.integers(0, 2**53)),
    (pa.int8(), st.integers(-128, 127)),
    (pa.uint32(), st.integers(0, 2**32 - 1)),
    (pa.float64(), st.floats(-1e10, 1e10)),
    (pa.float64(), st.integers(-(10**9), 10**9).map(lambda n: n / 100)),
    (pa.string(), st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]))),
    (pa.string(), st.text(st.sampled_from('a"\\/é\x7f😀'))),
    (pa.date32(), st.dates()),
    *((pa.timestamp(unit), st.datetimes()) for unit in ("us", "ms", "s")),
    (pa.decimal128(9, 3), st.decimals(-999_999, 999_999, places=3)),
    (pa.decimal128(4, 4), st.decimals(0, Decimal("0.9"), places=4)),
]
LONG = st.integers(FEWEST_ROWS, FEWEST_ROWS + 3)


@pytest.fixture(scope="module")
def writer() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = parser_connection()
    yield connection
    connection.close()


def batch(data: st.DataObject, kinds: list[tuple[pa.DataType, Any]], rows: int) -> pa.RecordBatch:
    """Few drawn values, repeated: drawing thousands takes too long."""
    arrays = []
    for type_, values in kinds:
        some = data.draw(st.lists(st.none() | values, min_size=1, max_size=5))
        arrays.append(pa.array((some * rows)[:rows], type_, safe=False))
    return pa.RecordBatch.from_arrays(arrays, [f"n{n}" for n in range(len(arrays))])


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_the_bytes_are_those_of_columns(
    writer: duckdb.DuckDBPyConnection, data: st.DataObject
) -> None:
    ordinary = data.draw(st.lists(st.sampled_from(ORDINARY), min_size=1, max_size=3))
    any_values = [(t, next((v for k, v in TYPES if k == t), v)) for t, v in ordinary]
    sizes = data.draw(st.lists(LONG, min_size=1, max_size=5))
    batches = [
        batch(data, data.draw(st.sampled_from([ordinary, ordinary, any_values])), rows)
        for rows in sizes
    ]
    written = b",".join(BulkJson(writer).pieces(batches, rows_json))
    assert written == b",".join(map(rows_json, batches))


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_any_type_at_all(writer: duckdb.DuckDBPyConnection, data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=3))
    batches = [batch(data, kinds, FEWEST_ROWS) for _ in range(2)]
    written = b",".join(BulkJson(writer).pieces(batches, rows_json))
    assert written == b",".join(map(rows_json, batches))


@pytest.mark.parametrize(
    "columns",
    [
        "i, i % 2 = 0, i / 8, 'x' || i, DATE '2020-01-01' + i::INTEGER",
        "(i % 3)::TINYINT, make_timestamp(i), make_timestamp(i)::TIMESTAMPTZ, (i / 7)::DECIMAL(9, 3)",
        "if(i = 9000, 'NaN', i::DOUBLE), i",
        "if(i = 9000, E'a\\nb', 'x'), i",
        "if(i = 9000, 9007199254740993, i)",
        "if(i >= 9000, NULL, i::DOUBLE), NULL",
        "i::FLOAT, i",
        "[i], {'a': i}, i::HUGEINT",
    ],
)
def test_a_result_is_the_same_with_and_without(
    writer: duckdb.DuckDBPyConnection, columns: str
) -> None:
    sql = f"SELECT {columns} FROM range(20000) t(i)"
    with cursor() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        texts = []
        for given_writer in (None, writer):
            _, pieces, counted = document(connection.cursor(), sql, None, "json", given_writer)
            texts.append(b"".join(pieces))
            assert counted.row_count == 20_000
    assert texts[0] == texts[1]


def test_an_error_of_the_query_stays_what_it_is(writer: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT if(i = 50000, error('midway'), i) FROM range(60000) t(i)"
    with cursor() as connection:
        _, pieces, _ = document(connection.cursor(), sql, None, "json", writer)
        with pytest.raises(OSError, match=r"^Invalid Input Error: midway$"):
            b"".join(pieces)


def test_rows_of_much_text_are_not_gathered(writer: duckdb.DuckDBPyConnection) -> None:
    wide = pa.RecordBatch.from_pydict({"s": ["x" * 5_000] * 2_000})
    rendered: list[int] = []

    def render(batch: pa.RecordBatch) -> bytes:
        rendered.append(batch.num_rows)
        return rows_json(batch)

    b",".join(BulkJson(writer).pieces([wide, wide], render))
    assert rendered == [2_000, 2_000]


def test_a_writer_is_free_after_a_result_that_was_not_read(
    writer: duckdb.DuckDBPyConnection,
) -> None:
    part = pa.RecordBatch.from_pydict({"n": list(range(FEWEST_ROWS))})
    pieces = BulkJson(writer).pieces([part] * 50, rows_json)
    for _ in range(2):
        next(pieces)
    assert writer.execute("SELECT 1").fetchall() == [(1,)]
    pieces.close()  # type: ignore[attr-defined]
    assert writer.execute("SELECT 1").fetchall() == [(1,)]
