"""The views in one worker's DuckDB: those that its last statement named, and those for listings.

When a statement runs, only the views that it names have rows, so a dropped dataset disappears with the
drop's answer. A view stays for the next statement that names it unchanged, since creating one costs
more than a small query. Listing 10,000 datasets takes most of a second when all their views are
created, and almost nothing when only changed ones are: views without rows stay, and the views that a
statement names take precedence over them.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import duckdb

from journal.column_names import folded
from lakehouse.query.relations import INNER
from lakehouse.query.worker.objects.columns import ObjectColumns
from projections.view_sql.datasets import View, dropped_sql, quoted, stub_sql, types_sql, view_sql

Cursor: TypeAlias = duckdb.DuckDBPyConnection


class Catalogue:
    """The views of one worker. Remains accurate when DuckDB raises."""

    def __init__(self) -> None:
        self._listed: dict[str, View] = {}
        """By names as DuckDB compares them. No view is in both."""
        self._found: tuple[str, dict[str, str]] = ("", {})
        """The types that the last query of its kind found: objects of one dataset are read in turn."""
        self._named: dict[str, View] = {}
        self._compared: set[str] = set()
        """The relations of `_named` whose objects' columns were compared with the view's."""
        self._columns = ObjectColumns()

    def list(self, cursor: Cursor, views: Iterable[View]) -> None:
        """Create exactly `views`, without rows, for a listing."""
        self.keep(cursor, {})
        wanted = {folded(view.name): view for view in views}
        drops = [dropped_sql(view) for name, view in self._listed.items() if name not in wanted]
        new = [stub_sql(view) for name, view in wanted.items() if self._listed.get(name) != view]
        if not drops and not new:
            return
        cursor.execute("BEGIN")
        try:
            cursor.execute(";\n".join(drops + new))
        except BaseException:
            cursor.execute("ROLLBACK")
            raise
        cursor.execute("COMMIT")
        self._listed = wanted

    def keep(self, cursor: Cursor, named: Mapping[str, View]) -> None:
        """Drop every view that has rows, except those which are in `named` as they are."""
        changed = [name for name, view in self._named.items() if named.get(name) != view]
        if any(name.startswith(INNER) for name in changed):
            # What a view reads was bound when the view was made.
            changed = [name for name in self._named if name in changed or self._is_defined(name)]
        for relation in changed:
            cursor.execute(dropped_sql(self._named[relation]))
            del self._named[relation]
            self._compared.discard(relation)

    def make(self, cursor: Cursor, relation: str, view: View, sql: str | None = None) -> None:
        """Create this view too, by `sql` if given; call after `keep`. Reads the footers of its objects."""
        if relation in self._named:
            return
        if view.schema is not None and relation.startswith(INNER):
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(view.schema)}")
        cursor.execute(sql or view_sql(view, found=self._types(cursor, view)))
        self._named[relation] = view
        if not relation.startswith(INNER):
            self._listed.pop(folded(view.name), None)

    def simplify(self, cursor: Cursor, relation: str) -> None:
        """Make a view that is used again without casts, if all its objects have its columns.

        Not at its first use: reading every footer may cost more than the statement.
        """
        if relation in self._compared:
            return
        view = self._named[relation]
        if self._columns.are_uniform(cursor, view):
            cursor.execute(view_sql(view, uniform=True))
        self._compared.add(relation)

    def has(self, relation: str) -> bool:
        """Whether this relation is made."""
        return relation in self._named

    def _types(self, cursor: Cursor, view: View) -> dict[str, str]:
        """The types of the columns of which only the objects tell them."""
        sql = types_sql(view)
        if sql is None:
            return {}
        if self._found[0] != sql:
            self._found = (sql, dict(cursor.execute(sql).fetchall()))
        return self._found[1]

    def _is_defined(self, relation: str) -> bool:
        return self._named[relation].definition is not None
