"""The rows that a change computes are in the order of the object, whatever plan DuckDB makes.

The new values are put beside the old ones by their place, so another order is another value.
"""

from pathlib import Path

import duckdb
import pytest

from journal.events import Column
from lakehouse.domain.errors import Refused
from lakehouse.query.policy.statement import prepare
from lakehouse.query.wire.messages import RowSearch
from lakehouse.query.worker.row_search import planned
from projections.view_sql.datasets import View, view_sql

ROWS = 100_000
LONG_LIST = ", ".join(str(number) for number in range(1, ROWS, 101))


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    path: Path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    rows = f"SELECT range AS i, [range] AS l FROM range({ROWS})"
    duckdb.sql(f"COPY ({rows}) TO '{path}' (ROW_GROUP_SIZE 2048)")
    columns = (Column("i", "int64"), Column("l", "list<element: int64>"))
    return View("t", (str(path),), columns, positioned=True)


def cursor_of(view: View) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 4})
    connection.execute(view_sql(view, found={"l": "BIGINT[]"}))
    prepare(connection)
    return connection


@pytest.mark.parametrize("where", [f"i IN ({LONG_LIST}) OR i % 2 = 0", "i % 2 = 0"])
@pytest.mark.parametrize("kind", ["changed", "values"])
def test_new_values_are_in_the_order_of_the_rows(view: View, kind: str, where: str) -> None:
    cursor = cursor_of(view)
    changed = kind == "changed"
    search = RowSearch(
        where, "2026-11-02T03:04:05+00:00", (("i", "i"),), changed=changed, values=not changed
    )

    def refuse(error: BaseException) -> Refused:
        raise error

    plan = planned(cursor, cursor, view, search, refuse)
    found = [row[0] for row in cursor.execute(plan.sql).fetchall()]
    assert len(found) == (ROWS if changed else len(set(found)))
    assert found == sorted(found)
