"""A statement without FROM is answered alike with and without DuckDB's optimizer."""

from typing import Any

import duckdb
import pytest
from duckdb_sessions import cursor, parser
from test_exact_json import VALUES

from lakehouse.query.policy.statement import Statement, read_statement
from lakehouse.query.worker.execution import document

FAILING = (
    "SELECT error('x')",
    "SELECT CAST('a' AS INTEGER)",
    "SELECT 127::TINYINT + 1::TINYINT",
    "SELECT 9223372036854775807 + 1",
    "SELECT regexp_matches('a', '(')",
    "SELECT strptime('x', '%Y')",
    "SELECT a",
    "SELECT unnest(range(10000)), error('late')",
)
OTHERS = (
    *(
        "SELECT 1 / 0",
        "SELECT count(*)",
        "SELECT sum(7)",
        "SELECT 1 WHERE false",
        "SELECT 1 LIMIT 0",
    ),
    *("SELECT unnest([3, 1, 2]) ORDER BY 1", "SELECT CASE WHEN false THEN error('y') ELSE 1 END"),
)


@pytest.fixture(scope="module")
def plain() -> duckdb.DuckDBPyConnection:
    session = cursor()
    session.execute("PRAGMA disable_optimizer")
    return session


def answer(session: duckdb.DuckDBPyConnection, sql: str) -> Any:
    try:
        columns, pieces, _ = document(session, sql, None)
        return columns, b"".join(pieces)
    except duckdb.Error as error:
        return str(error)


@pytest.mark.parametrize(
    "sql", [*FAILING, *OTHERS, *(f"SELECT {literal} AS x" for literal, _ in VALUES)]
)
def test_the_answer_is_the_same(plain: duckdb.DuckDBPyConnection, sql: str) -> None:
    for each in (sql, "SELECT 1"):  # the session is used again, after a failure too
        assert answer(plain, each) == answer(cursor(), each)


@pytest.mark.parametrize(
    ("sql", "has_source"),
    [
        ("SELECT 42", False),
        ("SELECT $1 + 1 AS n", False),
        ("SELECT 1 FROM range(3)", True),
        ("SELECT (SELECT 1)", True),
        ("SELECT 1 UNION ALL SELECT 2", True),
        ("WITH a AS (SELECT 1) SELECT 2", True),
        ("VALUES (1)", True),
        ("EXPLAIN SELECT 42", True),
        ("DESCRIBE SELECT 42", True),
    ],
)
def test_a_source_is_a_from_or_a_query_inside(sql: str, has_source: bool) -> None:
    statement = read_statement(parser(), sql)
    assert isinstance(statement, Statement) and statement.has_source is has_source
