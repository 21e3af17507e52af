"""Which datasets a worker's catalogue lists: views without rows that stay from query to query.

To list 10,000 datasets costs most of a second when all their views are made, and next to nothing when
only those are that changed. A statement cannot read one by its name: what it names was resolved
before, and stands in front for as long as that query lasts.
"""

from collections.abc import Iterable

import duckdb

from projections.views import View, quoted, stub_sql


class Listing:
    """The views that stay in one worker's catalogue."""

    def __init__(self) -> None:
        self._known: dict[str, View] = {}

    def show(self, cursor: duckdb.DuckDBPyConnection, views: Iterable[View]) -> None:
        """Make the catalogue list exactly `views`. All or nothing: what is raised has changed nothing."""
        wanted = {view.name: view for view in views}
        gone = [f"DROP VIEW {quoted(name)}" for name in self._known if name not in wanted]
        new = [stub_sql(view) for view in wanted.values() if self._known.get(view.name) != view]
        if not gone and not new:
            return
        cursor.execute("BEGIN")
        try:
            cursor.execute(";\n".join(gone + new))
        except BaseException:
            cursor.execute("ROLLBACK")
            raise
        cursor.execute("COMMIT")
        self._known = wanted
