"""Conditions and new values: what is one expression, what may be in it, and what now() stands for."""

from datetime import UTC, datetime

import duckdb
import pytest
from duckdb_sessions import cursor

from lakehouse.domain.errors import Refused
from lakehouse.query.policy.row_expression import RowExpression, in_lines, read_expression
from lakehouse.query.worker.row_values import cast_sql, misfit_sql
from lakehouse.query.worker.sandbox import parser_connection

NOW = datetime(2026, 11, 2, 3, 4, 5, 678901, tzinfo=UTC)
COLUMNS = frozenset({"a", "today", "b"})


@pytest.fixture(scope="module")
def parser() -> duckdb.DuckDBPyConnection:
    return parser_connection()


def read(parser: duckdb.DuckDBPyConnection, text: str) -> RowExpression | Refused:
    return read_expression(parser, text, NOW, COLUMNS)


@pytest.mark.parametrize(
    "text",
    [
        "a = 1", "a IN (1, 2) OR (b IS NULL)", "-- note\n a > (3) -- (", "/* ( */ a = ')'",
        "list_contains(list_transform([1, 2], lambda x: x + a), 3)", "t.a = 1", "a BETWEEN 1 AND 2",
        "CASE WHEN a > 1 THEN true ELSE b = '(' END", "age(b, b) IS NULL", "today = 3",
        "a = ANY([1, 2])", "a <> ALL([1, 2]) AND a < SOME(list_value(3))", "a = ANY(b)",
    ],
)  # fmt: skip
def test_an_expression_is_taken_as_it_is(parser: duckdb.DuckDBPyConnection, text: str) -> None:
    assert read(parser, text) == RowExpression(text, reads_clock=False)


@pytest.mark.parametrize(
    "text",
    [
        "true) OR (true", "a AS c", "true) AS (c", "true) FROM t WHERE (true",
        "true) UNION SELECT (true", "true) ORDER BY (a", "true) LIMIT (1", "true) GROUP BY (a",
        "true) WINDOW w AS (ORDER BY a", "true); SELECT (1", "true) HAVING (true",
        "true) USING SAMPLE (10%", "*", "a = ?", "#1 = 2", "EXISTS (FROM t)", "a = ANY (SELECT 1)",
        "a = ANY (SELECT unnest(b) WHERE true)", "a = ANY (SELECT unnest(b) FROM t)",
        "a = ANY (SELECT unnest(b) LIMIT 1)", "a = ANY (SELECT DISTINCT unnest(b))",
        "a = ANY (WITH c AS (SELECT 1) SELECT unnest(b))", "a = ANY ([(SELECT 1)])",
        "a = ANY (SELECT a.unnest(b))", "a = ANY (FROM b)", "a = ANY ([random()])",
        "(SELECT 1) = 1", "random() > 0.5", "uuid() = 'x'", "gen_random_uuid() IS NULL",
        "sum(a) OVER () > 1", "ago(INTERVAL 1 DAY) > b", "age(b) > INTERVAL 1 DAY", "", "  ",
        "/* open", "'open", "a = 1 --", "nextval('s') = 1",
    ],
)  # fmt: skip
def test_anything_else_is_refused(parser: duckdb.DuckDBPyConnection, text: str) -> None:
    found = read(parser, text)
    if text == "a = 1 --":  # the line ends, and with it the comment
        assert isinstance(found, RowExpression)
        return
    assert isinstance(found, Refused), found
    assert found.code in ("sql_error", "statement_not_allowed")


def test_the_clock_in_a_list_is_one_time(parser: duckdb.DuckDBPyConnection) -> None:
    found = read(parser, "b = ANY([current_date, today])")
    assert isinstance(found, RowExpression)
    assert found.sql == "b = ANY([CAST('2026-11-02' AS DATE), today])"


def test_the_clock_is_one_time(parser: duckdb.DuckDBPyConnection) -> None:
    text = 'now() > a AND current_date = "today" OR ä(now()) AND localtimestamp < Now( )'
    found = read(
        parser, text.replace("ä(now())", "upper('ä') = CAST(current_timestamp AS VARCHAR)")
    )
    assert isinstance(found, RowExpression)
    assert found.reads_clock
    stamp = "2026-11-02 03:04:05.678901"
    assert found.sql == (
        f"CAST('{stamp}+00' AS TIMESTAMPTZ) > a AND CAST('2026-11-02' AS DATE) = \"today\""
        f" OR upper('ä') = CAST(CAST('{stamp}+00' AS TIMESTAMPTZ) AS VARCHAR)"
        f" AND CAST('{stamp}' AS TIMESTAMP) < CAST('{stamp}+00' AS TIMESTAMPTZ)"
    )


def test_a_column_that_has_the_name_of_a_clock_function_is_a_column(
    parser: duckdb.DuckDBPyConnection,
) -> None:
    found = read_expression(parser, "current_date = a", NOW, COLUMNS | {"current_date"})
    assert found == RowExpression("current_date = a", reads_clock=False)


def test_each_time_is_what_duckdb_says(parser: duckdb.DuckDBPyConnection) -> None:
    for name in ("now()", "current_date", "current_time", "localtime", "localtimestamp", "today()"):
        found = read_expression(parser, name, NOW, frozenset())
        assert isinstance(found, RowExpression)
        fixed, own = cursor().sql(f"SELECT typeof({found.sql}), typeof({name})").fetchall()[0]
        assert fixed == own


def test_a_problem_is_shown_in_the_users_text(parser: duckdb.DuckDBPyConnection) -> None:
    found = read(parser, "a = 1\nAND random() > 0")
    assert isinstance(found, Refused)
    assert found.detail.endswith("LINE 2: AND random() > 0\n            ^")
    found = read(parser, "a = 1\nAND nosuch(a)")
    assert isinstance(found, Refused)
    assert "nosuch does not exist" in found.detail


def test_lines_of_others_are_not_shown() -> None:
    assert in_lines("Oops\n\nLINE 12: x\n         ^", 10) == "Oops\n\nLINE 2: x\n        ^"
    assert in_lines("Oops\n\nLINE 1: SELECT (\n        ^", 1) == "Oops"
    assert in_lines("Oops", 1) == "Oops"


@pytest.mark.parametrize(
    ("value", "type_", "fits"),
    [
        ("300", "TINYINT", False), ("127", "TINYINT", True), ("2.0", "BIGINT", True),
        ("2.5", "BIGINT", False), ("9007199254740993", "DOUBLE", False), ("1e300::DOUBLE", "FLOAT", False),
        ("0.1::DOUBLE", "FLOAT", True), ("'infinity'::DOUBLE", "FLOAT", True),
        ("'nan'::DOUBLE", "FLOAT", True), ("'nan'::DOUBLE", "BIGINT", False), ("'007'", "BIGINT", True),
        ("'1.75'", "BIGINT", False), ("'1.750'", "DECIMAL(4,2)", True), ("'1.755'", "DECIMAL(4,2)", False),
        ("1.755", "DECIMAL(4,2)", False), ("TIMESTAMP '2026-01-01 10:00'", "DATE", False),
        ("TIMESTAMP '2026-01-01'", "DATE", True), ("'2026-01-01 10:00'", "DATE", False),
        ("'2026-1-1'", "DATE", True), ("2", "BOOLEAN", False), ("1", "BOOLEAN", True),
        ("1.5", "VARCHAR", True), ("NULL", "BIGINT", True), ("[1, 2]", "INTEGER[]", True),
        ("'2026-01-01 10:00:00.1234567'", "TIMESTAMP", False),
        ("'2026-01-01T10:00:00.1234560Z'", "TIMESTAMP WITH TIME ZONE", True),
        ("'2026-01-01 10:00:00.5'", "TIMESTAMP_S", False),
        ("'2026-01-01 10:00:00.500'", "TIMESTAMP_MS", True),
        ("'2026-01-01 10:00:00.123456789'", "TIMESTAMP_NS", True),
        ("'10:00:00.0000001'", "TIME", False), ("'10:00:00.000001'", "TIME", True),
        ("1", '"NULL"', False), ("NULL", '"NULL"', True), ("NULL::DATE", "DATE", True),
        ("DATE '0001-01-01'", "DATE", True), ("DATE '9999-12-31'", "DATE", True),
        ("DATE '10000-01-01'", "DATE", False), ("DATE '0001-12-31 (BC)'", "DATE", False),
        ("DATE 'infinity'", "DATE", False), ("'-infinity'", "DATE", False),
        ("TIMESTAMP '9999-12-31 23:59:59.999999'", "TIMESTAMP", True), ("NULL::TIMESTAMP", "TIMESTAMP", True),
        ("TIMESTAMP '10000-01-01'", "TIMESTAMP", False), ("'infinity'", "TIMESTAMP", False),
        ("TIMESTAMPTZ '0001-01-01 00:00+00'", "TIMESTAMP WITH TIME ZONE", True),
        ("TIMESTAMPTZ '-infinity'", "TIMESTAMP WITH TIME ZONE", False),
        ("TIMESTAMP_NS '2026-01-01'", "TIMESTAMP_NS", True),
        ("TIMESTAMP_NS 'infinity'", "TIMESTAMP_NS", False),
        ("TIMESTAMP_S 'infinity'", "TIMESTAMP_S", False), ("TIMESTAMP_MS '2026-01-01'", "TIMESTAMP_MS", True),
    ],
)  # fmt: skip
def test_a_value_fits_where_nothing_of_it_is_lost(value: str, type_: str, fits: bool) -> None:
    own = cursor().sql(f"SELECT typeof({value})").fetchall()[0][0]
    misfit = misfit_sql("v", own, type_)
    before, after = cast_sql(own, type_)
    sql = f"SELECT {misfit}, {before}v{after} FROM (SELECT {value} AS v)"
    lost, _ = cursor().sql(sql).fetchall()[0]
    assert lost is not fits
