"""Several Parquet files as few: the same rows in the same order, read back by other readers."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.formats.parquet.field_ids import field_id, has_field_ids
from lakehouse.formats.parquet.merge_program import merged
from lakehouse.formats.parquet.merging import Merged, MergeRequest, merge_files
from lakehouse.formats.schema import Column
from lakehouse.formats.types.logical import logical_type
from lakehouse.process.forking.fork_server import ForkServer
from projections.view_sql.datasets import View, view_sql

TARGET = 128 << 20


def written(directory: Path, *tables: pa.Table, **options: Any) -> list[str]:
    paths = [str(directory / f"in-{place}.parquet") for place in range(len(tables))]
    for path, table in zip(paths, tables, strict=True):
        pq.write_table(table, path, **options)
    return paths


def columns_of(table: pa.Table) -> tuple[Column, ...]:
    return tuple(Column(each.name, str(logical_type(each.type))) for each in table.schema)


def request(
    paths: Sequence[str],
    columns: tuple[Column, ...] | None,
    into: Path,
    *,
    portable: bool = False,
    file_bytes: int = TARGET,
) -> MergeRequest:
    into.mkdir(exist_ok=True)
    return MergeRequest(tuple(paths), columns, portable, str(into), file_bytes)


def rows(paths: Sequence[str], columns: tuple[Column, ...] | None = None) -> list[Any]:
    """As a query reads them, in order."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(view_sql(View("v", tuple(paths), columns)))
        return connection.execute("SELECT * FROM v").fetchall()


def outputs(found: Merged, into: Path) -> list[str]:
    assert found.problem is None
    return [str(into / file.name) for file in found.files]


EVERY_TYPE = pa.table(
    {
        "bool": [True, None],
        "int8": pa.array([-1, None], pa.int8()),
        "uint8": pa.array([255, None], pa.uint8()),
        "uint16": pa.array([65_535, None], pa.uint16()),
        "uint32": pa.array([2**32 - 1, None], pa.uint32()),
        "uint64": pa.array([2**64 - 1, None], pa.uint64()),
        "half": pa.array([1.5, None], pa.float16()),
        "float": pa.array([0.1, float("nan")], pa.float32()),
        "double": pa.array([-0.0, float("inf")]),
        "decimal": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)),
        "string": ["a,b", ""],
        "large": pa.array(["x", None], pa.large_string()),
        "dictionary": pa.array(["x", None]).dictionary_encode(),
        "binary": [b"\x00\xff", None],
        "date": pa.array([datetime(2026, 1, 2, tzinfo=UTC).date(), None], pa.date32()),
        "time": pa.array([time(1, 2, 3, 4), None], pa.time64("us")),
        "seconds": pa.array([1, None], pa.timestamp("s")),
        "micros": pa.array([1_700_000_000_000_001, None], pa.timestamp("us")),
        "zoned": pa.array([1_700_000_000_000_001, None], pa.timestamp("us", "UTC")),
        "nanos": pa.array([1_700_000_000_000_001_000, None], pa.timestamp("ns")),
        "list": [[1, None], []],
        "struct": [{"x": 1, "y": "z"}, None],
        "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
        "fixed": pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)),
        "null": pa.nulls(2),
    }
)


def test_the_rows_of_all_files_stand_in_their_order(tmp_path: Path) -> None:
    tables = [pa.table({"n": [3 * k, 3 * k + 1, 3 * k + 2], "s": [f"{k}"] * 3}) for k in range(40)]
    paths = written(tmp_path, *tables)
    found = merged(request(paths, columns_of(tables[0]), tmp_path / "out"))
    assert found.rows == (3,) * 40
    assert [file.row_count for file in found.files] == [120]
    assert rows(outputs(found, tmp_path / "out")) == [(n, str(n // 3)) for n in range(120)]


def test_every_type_reads_as_before(tmp_path: Path) -> None:
    paths = written(tmp_path, EVERY_TYPE, EVERY_TYPE.slice(0, 1))
    columns = columns_of(EVERY_TYPE)
    found = merged(request(paths, columns, tmp_path / "out"))
    assert found.problem is None
    assert found.columns == columns
    after = outputs(found, tmp_path / "out")
    assert repr(rows(after, columns)) == repr(rows(paths, columns))
    assert has_field_ids(pq.read_schema(after[0]))


def test_portable_types_hold_the_same_values(tmp_path: Path) -> None:
    table = EVERY_TYPE.drop_columns(["float"])  # NaN is not equal to NaN
    paths = written(tmp_path, table)
    columns = columns_of(table)
    found = merged(request(paths, columns, tmp_path / "out", portable=True))
    types = {each.name: each.type for each in found.columns}
    assert [types[name] for name in ("uint8", "uint16", "uint32", "uint64", "nanos")] == [
        *("int16", "int32", "int64", "decimal128(20, 0)", "timestamp[us]")
    ]
    after = outputs(found, tmp_path / "out")
    assert rows(after, columns) == rows(paths, columns)


def test_nanoseconds_stay_where_a_value_has_some(tmp_path: Path) -> None:
    table = pa.table({"at": pa.array([1_000, 1_001], pa.timestamp("ns"))})
    paths = written(tmp_path, table)
    found = merged(request(paths, columns_of(table), tmp_path / "out", portable=True))
    assert found.columns == (Column("at", "timestamp[ns]"),)
    assert rows(outputs(found, tmp_path / "out")) == rows(paths)


def test_unsigned_integers_inside_lists_become_signed(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([[2**32 - 1]], pa.list_(pa.uint32()))})
    paths = written(tmp_path, table)
    found = merged(request(paths, columns_of(table), tmp_path / "out", portable=True))
    assert found.columns == (Column("a", "list<element: int64>"),)
    assert rows(outputs(found, tmp_path / "out")) == [([2**32 - 1],)]


@pytest.mark.parametrize(
    ("stored", "today", "text"),
    [
        (pa.array([1, 2**53]), "double", None),
        (pa.array([1.0, 1e20, -0.0, 0.1, float("nan")]), "string", ["1.0", "1e+20", "-0.0", "0.1"]),
        (pa.array([True, None]), "string", ["true"]),
        (pa.array([0], pa.timestamp("us")), "string", ["1970-01-01 00:00:00"]),
        (pa.array([0], pa.timestamp("us", "UTC")), "string", ["1970-01-01 00:00:00+00"]),
        (pa.array([Decimal("1.50")]), "string", ["1.50"]),
        (pa.array([0], pa.date32()), "string", ["1970-01-01"]),
        (pa.array([1], pa.int32()), "int64", None),
        (pa.array([0], pa.timestamp("ms")), "timestamp[us]", None),
        (pa.nulls(2), "int64", None),
    ],
)
def test_widened_values_read_as_a_query_cast_them(
    stored: pa.Array, today: str, text: list[str] | None, tmp_path: Path
) -> None:
    paths = written(tmp_path, pa.table({"v": stored}))
    columns = (Column("v", today),)
    found = merged(request(paths, columns, tmp_path / "out"))
    after = outputs(found, tmp_path / "out")
    assert found.problem is None
    assert found.columns == columns
    assert repr(rows(after)) == repr(rows(paths, columns))
    if text is not None:
        assert [value for (value,) in rows(after)][: len(text)] == text


@pytest.mark.parametrize("nested", [pa.list_(pa.int64()), pa.struct([("k", pa.string())])])
def test_widened_values_beside_nested_ones_read_as_a_query_cast_them(
    nested: pa.DataType, tmp_path: Path
) -> None:
    """DuckDB's own type for both files, BIGINT, would read no text `true`."""
    tables = [
        pa.table({"v": values, "n": pa.nulls(len(values), nested)}) for values in ([True], [7, 8])
    ]
    paths = written(tmp_path, *tables)
    columns = (Column("v", "string"), Column("n", str(logical_type(nested))))
    found = merged(request(paths, columns, tmp_path / "out"))
    values = [value for value, _ in rows(outputs(found, tmp_path / "out"))]
    assert values == ["true", "7", "8"]


def test_columns_go_by_name_and_missing_ones_are_null(tmp_path: Path) -> None:
    paths = written(tmp_path, pa.table({"b": ["x"], "a": [1]}), pa.table({"a": [2]}))
    columns = (Column("a", "int64"), Column("b", "string"), Column("c", "double"))
    found = merged(request(paths, columns, tmp_path / "out"))
    assert rows(outputs(found, tmp_path / "out")) == [(1, "x", None), (2, None, None)]


def test_without_a_schema_the_files_must_have_the_same_columns(tmp_path: Path) -> None:
    paths = written(tmp_path, pa.table({"a": [1], "b": ["x"]}), pa.table({"b": ["y"], "a": [2]}))
    found = merged(request(paths, None, tmp_path / "out"))
    assert rows(outputs(found, tmp_path / "out")) == [(1, "x"), (2, "y")]
    others = written(tmp_path, pa.table({"a": [1]}), pa.table({"a": ["x"]}))
    problem = merged(request(others, None, tmp_path / "out")).problem
    assert problem == "the objects have different columns, and the dataset has no schema"


def test_files_end_at_the_wanted_size(tmp_path: Path) -> None:
    chance = random.Random(1)
    table = pa.table({"s": [chance.randbytes(8).hex() for _ in range(300_000)]})
    paths = written(tmp_path, table)
    found = merged(request(paths, columns_of(table), tmp_path / "out", file_bytes=100_000))
    assert [file.row_count for file in found.files] == [122_880, 122_880, 54_240]
    assert len(rows(outputs(found, tmp_path / "out"))) == 300_000


@pytest.mark.parametrize(
    ("first", "stop"), [(0, 1), (5, 40_000), (16_383, 16_385), (39_999, 40_000)]
)
def test_a_range_of_rows_can_be_written(first: int, stop: int, tmp_path: Path) -> None:
    table = pa.table({"n": range(40_000)})
    paths = written(tmp_path, table, row_group_size=7_000)
    asked = request(paths, columns_of(table), tmp_path / "out")
    found = merged(msgspec.structs.replace(asked, rows=(first, stop)))
    assert [n for (n,) in rows(outputs(found, tmp_path / "out"))] == [*range(first, stop)]
    assert found.rows == (stop - first,)


def test_every_column_has_the_id_of_its_path_as_another_reader_sees_it(tmp_path: Path) -> None:
    paths = written(tmp_path, EVERY_TYPE.select(["list", "struct", "map"]))
    columns = columns_of(EVERY_TYPE.select(["list", "struct", "map"]))
    after = outputs(merged(request(paths, columns, tmp_path / "out")), tmp_path / "out")
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT name, field_id FROM parquet_schema($1) WHERE field_id IS NOT NULL", after
        ).fetchall()
    assert (("element"), field_id(("list", "element"))) in found
    assert ("y", field_id(("struct", "y"))) in found
    assert ("value", field_id(("map", "value"))) in found


def test_a_damaged_file_is_a_problem_that_names_no_path(tmp_path: Path) -> None:
    (path,) = written(tmp_path, pa.table({"a": [1]}))
    body = bytearray(Path(path).read_bytes())
    body[4:40] = b"\xff" * 36
    Path(path).write_bytes(bytes(body))
    problem = merged(request([path], (Column("a", "int64"),), tmp_path / "out")).problem
    assert problem
    assert str(tmp_path) not in problem


def test_the_work_is_done_by_another_process(tmp_path: Path) -> None:
    paths = written(tmp_path, pa.table({"a": [1]}), pa.table({"a": [2]}))
    asked = request(paths, (Column("a", "int64"),), tmp_path / "out")
    found = asyncio.run(merged_by_another(asked))
    assert rows(outputs(found, tmp_path / "out")) == [(1,), (2,)]


def test_a_process_without_an_answer_is_a_problem(tmp_path: Path) -> None:
    asked = request([], None, tmp_path / "out")
    assert asyncio.run(merged_by_another(asked)).problem


async def merged_by_another(asked: MergeRequest) -> Merged:
    forks = ForkServer(())
    try:
        return await merge_files(forks, asked)
    finally:
        await forks.close()
