"""Which objects have exactly the columns of their dataset: each footer is read once."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from duckdb_sessions import cursor

from journal.events import Column
from lakehouse.query.worker.objects import columns as object_columns
from lakehouse.query.worker.objects.columns import ObjectColumns
from projections.view_sql.datasets import View, duckdb_type, view_sql

WANTED = pa.schema([("a", pa.int64()), ("s", pa.string()), ("t", pa.timestamp("us", "UTC"))])


class Connection:
    """DuckDB, and which footers were read."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self._connection = cursor()

    def execute(self, sql: str, params: list[list[str]]) -> Any:
        self.read += params[0]
        return self._connection.execute(sql, params)


def write(folder: Path, *schemas: pa.Schema) -> View:
    paths = []
    for number, schema in enumerate(schemas):
        paths.append(str(folder / f"{number}.parquet"))
        pq.write_table(schema.empty_table(), paths[-1])
    columns = tuple(Column(field.name, str(field.type)) for field in WANTED)
    return View("v", tuple(paths), columns)


def test_objects_with_the_same_columns_are_uniform(tmp_path: Path) -> None:
    view = write(tmp_path, WANTED, WANTED.set(1, pa.field("s", pa.large_string())))
    assert ObjectColumns().are_uniform(cursor(), view)


@pytest.mark.parametrize(
    "other",
    [
        WANTED.set(0, pa.field("a", pa.int32())),
        WANTED.set(0, pa.field("A", pa.int64())),
        WANTED.set(2, pa.field("t", pa.timestamp("us"))),
        WANTED.remove(1),
        WANTED.append(pa.field("more", pa.int64())),
        WANTED.append(pa.field("parts", pa.struct([("x", pa.int64())]))),
        pa.schema([WANTED.field(1), WANTED.field(0), WANTED.field(2)]),
    ],
)
def test_an_object_with_other_columns_is_not_uniform(tmp_path: Path, other: pa.Schema) -> None:
    for schemas in ((WANTED, other), (other,)):
        view = write(tmp_path, *schemas)
        assert not ObjectColumns().are_uniform(cursor(), view)


def test_columns_that_are_not_known_need_no_footer(tmp_path: Path) -> None:
    connection, path = Connection(), str(tmp_path / "absent.parquet")
    for known in (None, (), (Column("l", "list<element: int64>"),)):
        assert not ObjectColumns().are_uniform(connection, View("v", (path,), known))  # type: ignore[arg-type]
    assert connection.read == []


def test_each_footer_is_read_once(tmp_path: Path) -> None:
    connection, columns = Connection(), ObjectColumns()
    view = write(tmp_path, WANTED, WANTED, WANTED)
    first = View("v", view.objects[:2], view.columns)
    for each in (first, view, first, view):
        assert columns.are_uniform(connection, each)  # type: ignore[arg-type]
    assert connection.read == list(view.objects)


def test_very_many_objects_are_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_columns, "MOST_CELLS", 8)
    connection, view = Connection(), write(tmp_path, WANTED, WANTED, WANTED)
    assert not ObjectColumns().are_uniform(connection, view)  # type: ignore[arg-type]
    assert connection.read == []


@pytest.mark.parametrize("type_", [pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(),
    pa.bool_(), pa.string(), pa.binary(), pa.date32(), pa.date64(), pa.time32("s"), pa.time64("us"),
    *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")), pa.timestamp("ns", "UTC"),
    pa.decimal128(5, 2), pa.decimal128(38, 0)])  # fmt: skip
def test_a_uniform_view_has_the_types_of_the_dataset(tmp_path: Path, type_: pa.DataType) -> None:
    path = str(tmp_path / "1.parquet")
    pq.write_table(pa.table({"x": pa.nulls(2, type_)}), path)
    for objects in ((path,), (path, path)):
        view = View("v", objects, (Column("x", str(type_)),))
        uniform = ObjectColumns().are_uniform(cursor(), view)
        with cursor() as connection:
            connection.execute(view_sql(view, uniform=uniform))
            found = connection.sql("FROM v").types
            connection.execute(view_sql(view))
            assert found == connection.sql("FROM v").types == [duckdb_type(str(type_))]


def test_a_name_with_a_pattern_s_characters_is_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "g[l]o*b?"
    folder.mkdir()
    assert ObjectColumns().are_uniform(cursor(), write(folder, WANTED))
