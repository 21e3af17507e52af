"""The views of a worker: what was named last, what is listed, and nothing else."""

from typing import Any

import duckdb
import pytest

from journal.events import Column
from lakehouse.query.worker.relations.view_catalog import Catalogue
from projections.view_sql.datasets import View


class Connection:
    """DuckDB, and what it was asked."""

    def __init__(self) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("CREATE SCHEMA lake")
        self.asked: list[str] = []

    def execute(self, sql: str) -> Any:
        self.asked.append(sql)
        return self._connection.execute(sql)

    def views(self) -> set[str]:
        found = self._connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal")
        return {name for (name,) in found.fetchall()}


def view(name: str, *columns: str, schema: str | None = None) -> View:
    return View(name, (), tuple(Column(each, "int64") for each in columns or ("a",)), schema)


def named(catalogue: Catalogue, connection: Any, **views: View) -> None:
    catalogue.keep(connection, views)
    for relation, each in views.items():
        catalogue.make(connection, relation, each)


def test_a_view_that_is_named_again_unchanged_is_not_made_again() -> None:
    catalogue, connection = Catalogue(), Connection()
    named(catalogue, connection, workers=view("Workers"))
    asked = len(connection.asked)
    named(catalogue, connection, workers=view("Workers"))
    assert len(connection.asked) == asked
    named(catalogue, connection, workers=view("Workers", "a", "b"))
    assert connection.execute("FROM workers").description[1][0] == "b"


def test_what_a_statement_does_not_name_is_gone() -> None:
    catalogue, connection = Catalogue(), Connection()
    named(catalogue, connection, a=view("A"), events=view("events", schema="lake"))
    assert connection.views() == {"A", "events"}
    named(catalogue, connection, b=view("B"))
    assert connection.views() == {"B"}
    named(catalogue, connection)
    assert connection.views() == set()


def test_a_listing_has_what_is_listed_whatever_was_named_before() -> None:
    catalogue, connection = Catalogue(), Connection()
    catalogue.list(connection, [view("a"), view("b")])
    named(catalogue, connection, a=view("a", "x"), old=view("old"))
    catalogue.list(connection, [view("A"), view("c")])
    assert connection.views() == {"A", "c"}
    named(catalogue, connection, a=view("A", "x"))
    catalogue.list(connection, [view("c")])
    assert connection.views() == {"c"}


def test_a_view_that_cannot_be_made_leaves_the_listing_to_be_put_right() -> None:
    catalogue, connection = Catalogue(), Connection()
    catalogue.list(connection, [view("a")])
    broken = View("a", ("/nowhere/a.parquet",), None)
    with pytest.raises(duckdb.IOException):
        named(catalogue, connection, a=broken)
    catalogue.list(connection, [])
    assert connection.views() == set()
