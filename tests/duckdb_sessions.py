"""One DuckDB for the tests of a run: opening one takes longer than most of these tests."""

import functools

import duckdb

from lakehouse.query.policy.statement import prepare


def cursor() -> duckdb.DuckDBPyConnection:
    """A connection of its own to the shared database: in UTC, results lossless over Arrow."""
    return _database().cursor()


def parser() -> duckdb.DuckDBPyConnection:
    """A connection that parses statements."""
    connection = cursor()
    prepare(connection)
    return connection


@functools.cache
def _database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"arrow_lossless_conversion": "true"})
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    return connection
