"""What a statement cannot make large, whatever it says: texts, names and frames between processes."""

from typing import Any

import msgspec
import pytest

from lakehouse.domain.errors import RefusedError
from lakehouse.query.engine import Query

pytestmark = pytest.mark.asyncio(loop_scope="module")

LARGEST_TEXT_BYTES = 4096


async def refused(lake: Any, sql: str, params: Any = None) -> tuple[str, str]:
    with pytest.raises(RefusedError) as caught:
        await lake.ask(sql, params)
    return caught.value.refused.code, caught.value.refused.detail


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT error(repeat('x', 10000000))",
        "SELECT error(repeat('é', 10000000))",
        f"SELECT no_such_function_{'x' * 200_000}()",
        f"FROM no_such_table_{'x' * 200_000}",
        f"SELECT no_such_column_{'x' * 200_000} FROM Sales",
        f"SELECT '{'x' * 200_000}'::INTEGER",
    ],
    ids=["error", "error in two bytes", "function", "table", "column", "cast"],
)
async def test_an_error_is_at_most_4_kib(lake: Any, sql: str) -> None:
    code, detail = await refused(lake, sql)
    assert code == "sql_error"
    assert 20 < len(detail.encode()) <= LARGEST_TEXT_BYTES


async def test_a_long_error_keeps_the_position(lake: Any) -> None:
    _, detail = await refused(lake, f"SELECT 1,\n no_such_{'x' * 3000} FROM Sales")
    assert "…" not in detail.partition("\n\nLINE ")[0] or "LINE 2" in detail


async def test_a_column_with_a_long_name_is_refused(lake: Any) -> None:
    name = "n" * 1024
    assert (await lake.ask(f'SELECT 1 AS "{name}"'))["columns"][0]["name"] == name
    code, detail = await refused(lake, f'SELECT 1, 2 AS "{name}n"')
    assert code == "sql_error"
    assert "column 2" in detail and "at most 1,024" in detail and "AS" in detail


@pytest.mark.parametrize("format_", ["json", "arrow", "csv"])
async def test_a_name_with_nul_is_refused(lake: Any, format_: str) -> None:
    """Names come from data too; Arrow would cut them, and two fields have one name."""
    fields = """from_json('{"a\\u0000b": 1, "a": 2}', '{"a\\u0000b": "INTEGER", "a": "INTEGER"}')"""
    for sql in (f"SELECT 1, {fields} AS x", f"SELECT unnest({fields})"):
        query = Query(sql, format=format_)
        with pytest.raises(RefusedError) as caught:
            async with lake.engine.run(query, lake.resolve) as result:
                assert [chunk async for chunk in result.chunks] == []
        assert caught.value.refused.code == "sql_error"
        assert "NUL" in caught.value.refused.detail


async def test_columns_with_large_types_are_refused(lake: Any) -> None:
    members = ", ".join(f"'{number:>200}'" for number in range(2000))
    columns = ", ".join(f"NULL::ENUM({members}) AS c{number}" for number in range(3))
    code, detail = await refused(lake, f"SELECT {columns}")
    assert (code, "columns" in detail) == ("sql_error", True)
    wide = ", ".join(f"field_{number} INTEGER" for number in range(500))
    assert (await lake.ask(f"SELECT NULL::STRUCT({wide}) AS s"))["rows"] == [[None]]


@pytest.mark.parametrize(
    "sql", ["SELECT 1\0", "SELECT 1\0; DROP", "\0", "SELECT '\0'"], ids=range(4)
)
async def test_a_statement_with_nul_is_refused(lake: Any, sql: str) -> None:
    code, detail = await refused(lake, sql)
    assert code == "sql_error" and "NUL" in detail


async def test_500000_parameters_are_refused_before_a_worker_is_taken(lake: Any) -> None:
    code, detail = await refused(lake, "SELECT 1", [0] * 500_000)
    assert code == "invalid_request" and "500,000" in detail
    assert lake.resolved == []


@pytest.mark.parametrize(
    "name",
    [
        "events#0:5:99999999999999999999:5:",
        "events#0:5:0:5:",
        "events#",
        "events#x",
        "datasets#0:5:0:5:",
        "queries#",
        "events@5#0:5:0:5:",
        "no_such",
    ],
)
async def test_only_the_name_of_a_system_view_names_it(lake: Any, name: str) -> None:
    code, detail = await refused(lake, f'FROM lake."{name}"')
    assert code == "sql_error"
    assert f"lake.{name} does not exist" in detail
    assert lake.resolved == []


@pytest.mark.parametrize(
    "sql",
    [
        'FROM "Sales@2"',
        'FROM main."sales@2"',
        'SELECT * FROM Sales, "SALES@2"',
        'FROM Sales AT (VERSION => 2) UNION ALL FROM "Sales@2"',
        'WITH "sales@2" AS (SELECT 1) FROM (WITH x AS (SELECT 1) FROM x), "sales@3"',
        'FROM lake."datasets@2"',
        'FROM "!sales"',
        'FROM "!sales@2"',
        "FROM lake.at('!sales', 2)",
    ],
)
async def test_no_inner_name_of_a_relation_can_be_written(lake: Any, sql: str) -> None:
    for name in ("sales@2", "sales@3", "lake.datasets@2", "!sales", "!sales@2"):
        lake.views[name] = msgspec.structs.replace(lake.views["sales"], name=name)
    code, detail = await refused(lake, sql)
    assert code == "sql_error"
    assert "not exist" in detail


async def test_a_cte_is_never_read_as_a_relation_of_the_past(lake: Any) -> None:
    lake.views["sales@2"] = msgspec.structs.replace(lake.views["sales"], name="sales@2")
    assert await lake.rows('WITH "sales@2" AS (SELECT 1) FROM "sales@2"') == [[1]]
    code, detail = await refused(
        lake, 'WITH "Sales@2" AS (SELECT 1) FROM Sales AT (VERSION => 2), "Sales@2"'
    )
    assert code == "sql_error" and "CTE" in detail


async def test_a_long_moment_is_none(lake: Any) -> None:
    for moment in ("0" * 100 + "2", "2026-01-01T00:00:00." + "0" * 100 + "Z"):
        code, detail = await refused(lake, f"FROM Sales AT (VERSION => '{moment}')")
        assert code == "sql_error" and "take a constant" in detail
    assert lake.resolved == []


async def test_many_comments_are_read_at_once(lake: Any) -> None:
    """Where a statement is no SELECT, each way to read its comments was tried: 2 ** 200 here."""
    code, _ = await refused(lake, "/**/" * 200 + "CREATE TABLE x (i INTEGER)")
    assert code == "statement_not_allowed"
    assert await lake.rows("/* a *//**/ EXPLAIN /* b */ -- c\n SELECT 1")


@pytest.mark.parametrize("statement", ["SELECT 1", "SELECT INTERVAL 1 DAY", "SELECT 1::UHUGEINT"])
async def test_empty_statements_around_one_change_nothing(lake: Any, statement: str) -> None:
    rows = await lake.rows(statement)
    for sql in (f"; {statement}", f";;{statement} ;; ", f"/* ; */ ; -- ;\n {statement};"):
        assert await lake.rows(sql) == rows


@pytest.mark.parametrize(
    "sql",
    [
        "FROM Nope AT (VERSION => 2)",
        "SELECT 1 FROM lake.at('Nope', 2)",
        "SELECT x FROM Sales JOIN Nope AT (VERSION => 2) USING (id)",
    ],
)
async def test_a_relation_that_was_not_there_yet_has_its_own_name(lake: Any, sql: str) -> None:
    lake.views["sales@2"] = msgspec.structs.replace(lake.views["sales"], name="sales@2")
    code, detail = await refused(lake, sql)
    assert code == "sql_error"
    assert "@" not in detail
    assert "nope did not exist at 2" in detail.lower()


async def test_a_wrong_column_of_the_past_shows_no_inner_name(lake: Any) -> None:
    lake.views["sales@2"] = msgspec.structs.replace(lake.views["sales"], name="sales@2")
    code, detail = await refused(lake, "SELECT no_such FROM Sales AT (VERSION => 2)")
    assert code == "sql_error" and "no_such" in detail and "@" not in detail
