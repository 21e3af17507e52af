"""Datasets as SQL sees them: broken, missing, empty, unknown, listed, named in every spelling."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from journal.events import Column
from lakehouse.domain.errors import RefusedError
from projections.view_sql.datasets import View

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def refused(lake: Any, sql: str) -> tuple[str, str]:
    with pytest.raises(RefusedError) as caught:
        await lake.ask(sql)
    return caught.value.refused.code, caught.value.refused.detail


async def test_only_what_a_statement_names_is_looked_up(lake: Any) -> None:
    await lake.ask("SELECT 1")
    await lake.ask("WITH x AS (SELECT 1) FROM x")
    assert lake.resolved == []
    await lake.ask("FROM SALES JOIN states USING (state)")
    assert lake.resolved == [frozenset({"sales", "states"})]
    await lake.ask("SHOW TABLES")
    assert lake.resolved[1:] == [None]


async def test_a_broken_dataset_fails_only_who_names_it(lake: Any) -> None:
    Path(lake.views["states"].objects[0]).write_bytes(
        b"this is not Parquet, whatever its name says"
    )
    code, detail = await refused(lake, "SELECT * FROM Sales JOIN states USING (state)")
    assert code == "sql_error"
    assert detail.startswith("dataset states: ") and str(lake.folder) not in detail
    assert await lake.rows("SELECT count(*) FROM Sales") == [[4]]
    assert ["states"] in await lake.rows("SHOW TABLES")
    columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'states'"
    assert await lake.rows(columns) == [["state"], ["name"]]


async def test_a_truncated_object_is_an_error_and_not_fewer_rows(lake: Any) -> None:
    rows = pa.table({"x": list(range(200_000)), "s": [f"text {i}" for i in range(200_000)]})
    path = Path(lake.add("big", rows).objects[0])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    code, _ = await refused(lake, "SELECT count(s) FROM big")
    assert code == "sql_error"


async def test_a_lost_object_has_a_code_of_its_own(lake: Any) -> None:
    Path(lake.views["many"].objects[3]).unlink()
    code, detail = await refused(lake, "SELECT sum(x) FROM many")
    assert (code, detail.partition(":")[0]) == ("object_lost", "dataset many")
    assert str(lake.folder) not in detail
    assert ["many"] in await lake.rows("SHOW TABLES")


async def test_listings_open_no_object(lake: Any) -> None:
    for number in range(300):
        columns = (Column("a", "int64"),) if number % 2 else None
        lake.views[f"d{number}"] = View(f"d{number}", ("/does/not/exist.parquet",), columns)
    assert await lake.rows("SELECT count(*) FROM (SHOW TABLES)") == [[304]]
    unknown = (
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'd0'"
    )
    assert await lake.rows(unknown) == [["?", '"NULL"']]


async def test_a_listing_beside_a_dataset_shows_both(lake: Any) -> None:
    sql = "SELECT (SELECT count(*) FROM information_schema.tables), count(*) FROM states"
    assert await lake.rows(sql) == [[4, 2]]


LISTINGS = (
    "SELECT name FROM (SHOW TABLES)",
    "SELECT name FROM (SHOW ALL TABLES)",
    "SELECT table_name FROM information_schema.tables",
    "SELECT DISTINCT table_name FROM information_schema.columns",
    "SELECT table_name FROM information_schema.tables WHERE table_catalog = current_database()",
)


@pytest.mark.parametrize("name", ["duckdb_tables", "DuckDB_Views", "duckdb_columns"])
async def test_a_dataset_with_the_name_of_a_view_of_duckdb_is_listed(lake: Any, name: str) -> None:
    before = sorted(await lake.rows(LISTINGS[0]))
    lake.views[name.lower()] = View(name, (), (Column("a", "int64"),))
    for listing in LISTINGS:
        assert sorted(await lake.rows(listing)) == sorted([*before, [name]]), listing
    assert await lake.rows("DESCRIBE " + name) == [["a", "BIGINT", "YES", None, None, None]]
    assert await lake.rows(f"FROM {name}") == []
    for named in (name, f"main.{name}"):
        code, detail = await refused(lake, f"FROM {named}, information_schema.tables")
        assert (code, name.lower() in detail) == ("statement_not_allowed", True)
    del lake.views[name.lower()]
    assert sorted(await lake.rows(LISTINGS[1])) == before


async def test_describe_and_summarize_name_a_dataset(lake: Any) -> None:
    assert [row[:2] for row in await lake.rows("DESCRIBE SALES")] == [
        ["id", "BIGINT"], ["state", "VARCHAR"], ["amount", "BIGINT"], ["tags", "VARCHAR[]"],
    ]  # fmt: skip
    assert [row[0] for row in await lake.rows("SUMMARIZE states")] == ["state", "name"]
    assert (await refused(lake, "DESCRIBE nope"))[0] == "sql_error"


async def test_an_empty_dataset_has_its_types(lake: Any) -> None:
    answer = await lake.ask("FROM empty")
    assert [column["type"] for column in answer["columns"]] == ["BIGINT", "VARCHAR"]
    assert answer["rows"] == [] and answer["row_count"] == 0
    lake.views["shapeless"] = View("shapeless", ())
    assert (await refused(lake, "FROM shapeless"))[0] == "sql_error"


async def test_odd_names_and_columns_are_read_as_written(lake: Any) -> None:
    names = ['a"b', "select", "ż", "x" * 1000, "a b", "filename", "file_row_number"]
    lake.add("odd", pa.table({name: [number] for number, name in enumerate(names)}))
    answer = await lake.ask("FROM odd")
    assert [column["name"] for column in answer["columns"]] == names
    assert answer["rows"] == [list(range(len(names)))]
    lake.add("sqlite_master", pa.table({"x": [1]}))
    lake.add("duckdb_settings", pa.table({"x": [2]}))
    assert await lake.rows("FROM sqlite_master UNION ALL FROM duckdb_settings") == [[1], [2]]


async def test_unknown_columns_are_read_from_the_objects(lake: Any) -> None:
    lake.add("raw", pa.table({"a": [1]}), pa.table({"b": ["x"], "a": [2]}), known=False)
    assert await lake.rows("FROM raw ORDER BY a") == [[1, None], [2, "x"]]


async def test_a_dataset_seen_again_with_other_objects_is_the_new_one(lake: Any) -> None:
    for number in range(5):
        lake.add("turn", *(pa.table({"x": [number]}) for _ in range(number + 1)))
        folder = lake.bucket / "datasets" / "turn"
        moved = folder.rename(folder.with_name(f"turn{number}"))
        objects = tuple(str(path) for path in sorted(moved.glob("*.parquet")))
        lake.views["turn"] = View("turn", objects, (Column("x", "int64"),))
        assert await lake.rows("SELECT sum(x) FROM turn") == [[number * (number + 1)]]


async def test_a_listing_follows_what_changes(lake: Any) -> None:
    columns = "SELECT column_name FROM information_schema.columns WHERE table_name ILIKE 'turn'"
    assert ["Turn"] not in await lake.rows("SHOW TABLES")
    for name, column in (("Turn", "a"), ("Turn", "b"), ("TURN", "b"), ("turn", "c")):
        lake.views["turn"] = View(name, (), (Column(column, "int64"),))
        assert [name] in await lake.rows("SHOW TABLES")
        assert await lake.rows(columns) == [[column]]
    del lake.views["turn"]
    assert await lake.rows(columns) == []
    assert len(await lake.rows("SHOW TABLES")) == len(lake.views)
    assert (await refused(lake, "FROM turn"))[0] == "sql_error"


async def test_a_dataset_that_was_listed_and_is_gone_cannot_be_read(lake: Any) -> None:
    await lake.rows("SHOW TABLES")
    states = lake.views.pop("states")
    for sql in (
        "FROM states",
        "FROM main.states",
        "DESCRIBE states",
        "FROM Sales JOIN states ON true",
    ):
        assert (await refused(lake, sql))[0] == "sql_error"
    lake.views["states"] = states
    assert await lake.rows("SELECT count(*) FROM states") == [[2]]


async def test_a_listing_that_fails_leaves_the_one_before(lake: Any) -> None:
    before = await lake.rows("SHOW TABLES")
    lake.views["broken"] = View("", (), (Column("a", "int64"),))
    assert (await refused(lake, "SHOW TABLES"))[0] == "sql_error"
    del lake.views["broken"]
    assert await lake.rows("SHOW TABLES") == before


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32()])
@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT max(d), min(z) FROM nans", ["NaN", 0.0]),
        ("SELECT max(d) FROM nans WHERE z >= 0", ["NaN"]),
        ("SELECT count(*) FROM nans WHERE d > 100", [1]),
        ("SELECT count(*) FROM nans WHERE isnan(d)", [1]),
        ("SELECT count(*) FROM nans WHERE d = 'NaN'::DOUBLE", [1]),
        ("SELECT count(*) FROM nans WHERE NOT (d <= 100)", [1]),
    ],
)
async def test_nan_is_found_although_parquets_statistics_leave_it_out(
    lake: Any, sql: str, expected: list[Any], kind: pa.DataType
) -> None:
    values = {"d": [1.0, float("nan"), None, 0.0], "z": [0.0, 5.0, 1.0, 2.0]}
    lake.add("nans", pa.table({name: pa.array(each, kind) for name, each in values.items()}))
    for _ in range(3):  # the second use of a view makes it without casts
        (row,) = await lake.rows(sql)
        assert str(row) == str(expected)


async def test_objects_of_other_columns_are_read_alike_at_each_use(lake: Any) -> None:
    tables = [pa.table({"x": pa.array([n], pa.int32()), "b": ["s"]}) for n in range(3)]
    tables += [pa.table({"b": ["t"], "x": [2**40]}), pa.table({"x": [7]})]
    tables += [pa.table({"x": [1], "b": ["u"], "c": [1.5]})]
    lake.add("widened", *tables)
    expected = [[0, "s", None], [1, "s", None], [1, "u", 1.5], [2, "s", None], [7, None, None]]
    for _ in range(3):
        assert await lake.rows("FROM widened WHERE x < 100 ORDER BY x, b") == expected
        assert await lake.rows("SELECT max(x), count(b) FROM widened") == [[2**40, 5]]


async def test_an_object_lost_after_the_first_use_is_an_error(lake: Any) -> None:
    assert await lake.rows("SELECT sum(x) FROM many") == [[100]]
    Path(lake.views["many"].objects[3]).unlink()
    for _ in range(2):
        code, detail = await refused(lake, "SELECT sum(x) FROM many")
        assert (code, detail.partition(":")[0]) == ("object_lost", "dataset many")
