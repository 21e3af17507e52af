"""Empty stand-ins for views, for a plan that must show nothing of what they read.

Owns tables without rows, for one statement. Must never be used for a statement whose rows are answered.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import duckdb

from lakehouse.query.worker.relations.defined_views import columns_of
from lakehouse.query.worker.relations.view_catalog import Catalogue
from projections.view_sql.datasets import View, quoted

_SCHEMA = '"!plan"'
"""No statement can name it."""


@contextmanager
def stand_ins(
    cursor: duckdb.DuckDBPyConnection, catalogue: Catalogue, views: Iterable[View]
) -> Iterator[None]:
    """Inside, each view that a user has defined is an empty table of its columns.

    EXPLAIN shows of a secure view what is below it, and how many rows it has.
    """
    tables: list[str] = []
    try:
        for view in views:
            if view.definition is not None:
                tables.append(f"{_SCHEMA}.{quoted(view.name)}")
                _stand_in(cursor, view, tables[-1])
        yield
    finally:
        if tables:
            # The next statement creates its own views.
            catalogue.keep(cursor, {})
            for table in tables:
                cursor.execute(f"DROP TABLE IF EXISTS {table}")


def _stand_in(cursor: duckdb.DuckDBPyConnection, view: View, table: str) -> None:
    called = quoted(view.name)
    columns = ", ".join(f"{quoted(each.name)} {each.type}" for each in columns_of(cursor, called))
    cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {_SCHEMA}")
    cursor.execute(f"CREATE TABLE {table} ({columns})")
    cursor.execute(f"CREATE OR REPLACE VIEW {called} AS SELECT * FROM {table}")  # noqa: S608  names are quoted
