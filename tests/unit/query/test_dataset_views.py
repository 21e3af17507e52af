"""The SQL text of views, by equality, and that DuckDB reads it as meant."""

import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from duckdb_sessions import cursor

from journal.events import Column
from projections.view_sql.datasets import (
    Label,
    View,
    dropped_sql,
    duckdb_type,
    quoted,
    stub_sql,
    types_sql,
    view_sql,
)

AMOUNT = Column("amount", "int64")


def test_a_view_names_its_columns_when_they_are_known() -> None:
    assert view_sql(View("sales", ("/b/1.parquet",), (AMOUNT, Column('a"b', "string")))) == (
        'CREATE OR REPLACE VIEW "sales" AS SELECT "amount", "a""b" '
        "FROM read_parquet(['/b/1.parquet'], hive_partitioning=false, can_have_nan=true, "
        "schema=MAP {"
        "'amount': {'name': 'amount', 'type': 'BIGINT', 'default_value': NULL}, "
        "'a\"b': {'name': 'a\"b', 'type': 'VARCHAR', 'default_value': NULL}})"
    )


def test_a_view_takes_what_is_there_when_columns_are_not_known() -> None:
    assert view_sql(View("sales", ("/b/1.parquet",))) == (
        'CREATE OR REPLACE VIEW "sales" AS SELECT * '
        "FROM read_parquet(['/b/1.parquet', '/b/1.parquet'], hive_partitioning=false, "
        "can_have_nan=true) WHERE file_index = 0"
    )


@pytest.mark.parametrize(
    ("type_", "objects", "expected"),
    [
        ("int64", ("/1",), "['/1'], hive_partitioning=false, can_have_nan=true)"),
        ("float", ("/1", "/2"), "['/1', '/2'], hive_partitioning=false, can_have_nan=true)"),
        (
            "double",
            ("/1",),
            "['/1', '/1'], hive_partitioning=false, can_have_nan=true) WHERE file_index = 0",
        ),
    ],
)
def test_uniform_objects_are_read_without_casts(
    type_: str, objects: tuple[str, ...], expected: str
) -> None:
    sql = view_sql(View("s", objects, (Column("x", type_),)), uniform=True)
    assert sql == f'CREATE OR REPLACE VIEW "s" AS SELECT "x" FROM read_parquet({expected}'


def test_objects_with_a_type_that_is_not_known_here_are_united_by_name() -> None:
    view = View("s", ("/b/1.parquet", "/b/o'2.parquet"), (Column("l", "list<element: int64>"),))
    assert view_sql(view) == (
        'CREATE OR REPLACE VIEW "s" AS SELECT "l" FROM read_parquet('
        "['/b/1.parquet', '/b/o''2.parquet'], hive_partitioning=false, "
        "can_have_nan=true, union_by_name=true)"
    )


def test_every_object_is_read_as_the_columns_of_the_dataset(tmp_path: Path) -> None:
    day = datetime.datetime(9999, 1, 1)  # noqa: DTZ001  # beyond what TIMESTAMP_NS holds
    late = datetime.datetime(2020, 1, 1)  # noqa: DTZ001
    tables = (
        pa.table({"a": pa.array([1], pa.int32()), "t": pa.array([day], pa.timestamp("us"))}),
        pa.table({"t": pa.array([late], pa.timestamp("ns")), "a": pa.array([2**40])}),
        pa.table({"t": pa.array([None], pa.timestamp("ms")), "it's": ["x"]}),
    )
    paths = [tmp_path / f"{place}.parquet" for place in range(len(tables))]
    for path, table in zip(paths, tables, strict=True):
        pq.write_table(table, path)
    columns = (Column("a", "int64"), Column("t", "timestamp[us]"), Column("it's", "string"))
    with duckdb.connect() as connection:
        connection.execute(view_sql(View("s", tuple(map(str, paths)), columns)))
        relation = connection.sql("FROM s")
        assert [str(each) for each in relation.types] == ["BIGINT", "TIMESTAMP", "VARCHAR"]
        assert relation.fetchall() == [(1, day, None), (2**40, late, None), (None, None, "x")]


def test_a_dataset_without_objects_is_an_empty_relation_of_its_types() -> None:
    expected = (
        'CREATE OR REPLACE VIEW "s" AS SELECT CAST(NULL AS BIGINT) AS "amount", '
        'CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS "at" WHERE false'
    )
    view = View("s", (), (AMOUNT, Column("at", "timestamp[us, tz=UTC]")))
    assert view_sql(view) == stub_sql(view) == expected


@pytest.mark.parametrize("columns", [None, ()])
def test_a_dataset_with_neither_objects_nor_columns_has_no_view(
    columns: tuple[Column, ...] | None,
) -> None:
    with pytest.raises(ValueError, match="neither"):
        view_sql(View("s", (), columns))


def test_a_listing_of_unknown_columns_opens_no_object() -> None:
    assert stub_sql(View("s", ("/b/1.parquet",))) == (
        'CREATE OR REPLACE VIEW "s" AS SELECT CAST(NULL AS "NULL") AS "?" WHERE false'
    )


def test_a_type_that_is_not_arrows_never_becomes_sql() -> None:
    assert duckdb_type("BIGINT); DROP VIEW x; --") == '"NULL"'
    assert duckdb_type("decimal128(38, 10)") == "DECIMAL(38,10)"
    assert duckdb_type("decimal128(38, 10)) AS x") == '"NULL"'


@pytest.mark.parametrize(
    "name", ['a"b', "select", "żółć", "a b", "x" * 5000, "a;b", "--", "a\nb", "'", "ſ"]
)
def test_a_name_survives_quoting(name: str) -> None:
    with cursor() as connection:
        assert connection.sql(f"SELECT 1 AS {quoted(name)}").columns == [name]


@pytest.mark.parametrize("folder", ["plain", "g[l]o*b?", "env=prod", "it's", "a,b"])
def test_a_path_is_read_as_written_and_adds_no_column(tmp_path: Path, folder: str) -> None:
    for name in (folder, "gllob", "gloXb1"):  # what a pattern would find too
        (tmp_path / name).mkdir(exist_ok=True)
        pq.write_table(pa.table({"x": [name == folder]}), tmp_path / name / "1.parquet")
    connection = duckdb.connect()
    connection.execute(view_sql(View("v", (str(tmp_path / folder / "1.parquet"),))))
    assert connection.execute("SELECT * FROM v").fetchall() == [(True,)]


def test_objects_of_an_older_schema_have_nulls_for_later_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"b": [1], "a": ["x"]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": ["y"], "b": [2], "c": [3.5]}), tmp_path / "2.parquet")
    objects = (str(tmp_path / "1.parquet"), str(tmp_path / "2.parquet"))
    columns = (Column("a", "string"), Column("b", "int64"), Column("c", "double"))
    connection = duckdb.connect()
    connection.execute(view_sql(View("v", objects, columns)))
    rows = connection.execute("SELECT * FROM v ORDER BY b").fetchall()
    assert rows == [("x", 1, None), ("y", 2, 3.5)]


def test_labels_tell_each_object_s_rows_apart(tmp_path: Path) -> None:
    paths = []
    for number, rows in enumerate(([1, 2], [], [3])):
        paths.append(str(tmp_path / f"{number}.parquet"))
        pq.write_table(pa.table({"x": pa.array(rows, pa.int64())}), paths[-1])
    labels = (Label("who", ("a'b", "none", "c")), Label("n", (7, 8, 9)))
    columns = (Column("who", "string"), Column("n", "int64"), Column("x", "int64"))
    view = View("v", tuple(paths), columns, labels=labels)
    connection = duckdb.connect()
    connection.execute(view_sql(view))
    rows = [("a'b", 7, 1), ("a'b", 7, 2), ("c", 9, 3)]
    assert connection.execute("FROM v ORDER BY x").fetchall() == rows
    assert connection.execute("SELECT x FROM v WHERE who = 'c' AND x > 1").fetchall() == [(3,)]
    connection.execute(view_sql(View("v", (), columns, labels=labels)))
    assert connection.execute("FROM v").fetchall() == []


@pytest.mark.parametrize(
    ("view", "name"), [(View("t", ()), '"t"'), (View('a"b', (), schema="lake"), '"lake"."a""b"')]
)
def test_a_view_is_dropped_by_its_whole_name(view: View, name: str) -> None:
    assert dropped_sql(view) == f"DROP VIEW IF EXISTS {name}"


def test_flat_columns_have_the_types_of_the_schema_beside_nested_ones(tmp_path: Path) -> None:
    """Also where no object of several has that type: the objects alone would say DOUBLE."""
    connection = duckdb.connect()
    objects = tuple(str(tmp_path / f"{n}.parquet") for n in range(2))
    for path, values in zip(objects, ("0 AS x, [1] AS n", "0.5::DOUBLE AS x"), strict=True):
        connection.execute(f"COPY (SELECT {values}) TO '{path}'")
    columns = (Column("x", "string"), Column("n", "list<element: int32>"))
    for read, expected in ((objects, [("0", [1]), ("0.5", None)]), (objects[1:], [("0.5", None)])):
        view = View("v", read, columns, like=objects)
        found = dict(connection.execute(types_sql(view) or "").fetchall())
        assert found == {"n": "INTEGER[]"}
        connection.execute(view_sql(view, found=found))
        assert connection.execute("FROM v").fetchall() == expected


def test_types_are_not_looked_up_where_all_are_known() -> None:
    assert types_sql(View("v", ("/b/1.parquet",), (AMOUNT,))) is None
    assert types_sql(View("v", ("/b/1.parquet",))) is None
    assert types_sql(View("v", (), (Column("n", "list<element: int32>"),))) is None
