"""The views of DuckDB that listings read, where a dataset has the name of one of them.

SHOW TABLES and information_schema find `duckdb_tables` and its like by name, and so would read the dataset.
Owns temporary views of these names, which DuckDB finds first, in the session of one listing. Must never
let a statement itself read one: they show the SQL of views, and so paths.
"""

from collections.abc import Collection

import duckdb

from lakehouse.domain.errors import Refused, RefusedError

SOURCES = ("duckdb_columns", "duckdb_tables", "duckdb_views")


def put_first(
    cursor: duckdb.DuckDBPyConnection, listed: Collection[str], named: Collection[str]
) -> None:
    """Let a listing find DuckDB's own views. `listed` and `named` are lower-case names of relations.

    Raises RefusedError where the statement names such a dataset too.
    """
    if not any(source in listed or source in named for source in SOURCES):
        return
    if both := sorted(set(SOURCES).intersection(named)):
        detail = f"a statement that lists relations cannot read {both[0]} as well"
        raise RefusedError(Refused("statement_not_allowed", detail))
    for source in SOURCES:
        cursor.execute(
            f"CREATE OR REPLACE TEMP VIEW {source} AS SELECT * FROM {source}() "  # noqa: S608  names of our own
            "WHERE NOT internal AND database_name <> 'temp'"
        )
