"""The SQL of users' views: what is one, and what is none."""

import duckdb
import pytest

from lakehouse.domain.errors import Refused
from lakehouse.query.policy.view_body import ViewBody, read_body, rows_fault
from lakehouse.query.worker.sandbox import parser_connection


@pytest.fixture(scope="module")
def parser() -> duckdb.DuckDBPyConnection:
    return parser_connection()


def test_a_view_names_what_it_reads(parser: duckdb.DuckDBPyConnection) -> None:
    found = read_body(parser, "SELECT a FROM T JOIN u USING (a);")
    assert found == ViewBody("SELECT a FROM T JOIN u USING (a)", frozenset({"t", "u"}), True)


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("EXPLAIN SELECT 1", "EXPLAIN"),
        ("SELECT * FROM t AT (VERSION => 1)", "AT"),
        ("SELECT name FROM lake.datasets", "lake."),
        ("SELECT table_name FROM information_schema.tables", "list relations"),
        ("SELECT * FROM t WHERE a = ?", "parameters"),
        ("SELECT * FROM main.t", "without a schema"),
        ("SELECT * FROM (SHOW threads)", "SHOW"),
    ],
)
def test_what_is_no_view_is_refused(parser: duckdb.DuckDBPyConnection, sql: str, why: str) -> None:
    found = read_body(parser, sql)
    assert isinstance(found, Refused), found
    assert why in found.detail


@pytest.mark.parametrize(
    "rows", ["a IN (SELECT 1)", "a = ?", "a = $x", "random() > a", "a = now()", "a) OR (1"]
)
def test_rows_of_a_safe_view_are_one_condition(
    parser: duckdb.DuckDBPyConnection, rows: str
) -> None:
    assert isinstance(rows_fault(parser, rows, frozenset({"a", "b"})), Refused)
    assert rows_fault(parser, "a = ANY([1, 2]) AND b", frozenset({"a", "b"})) is None
