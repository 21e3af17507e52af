"""`lakehouse.dbapi` with statements that write, for suites that bring their tables along.

Such a statement runs in a DuckDB of the test's own, and the tables that were changed are ingested before
the next statement that reads, which goes through the driver as it is.
"""

import re
from types import SimpleNamespace
from typing import Any

import duckdb

from lakehouse import dbapi
from lakehouse.client.lake import Lake

_WRITES = re.compile(
    r'\s*(?:(create)\s+table|(drop)\s+table|insert\s+into|update|delete\s+from)\s+("[^"]+"|\w+)',
    re.IGNORECASE,
)


class WritingCursor(dbapi.Cursor):
    """A cursor whose writes leave no result, as in any other database."""

    connection: "WritingConnection"

    def execute(self, operation: str, parameters: Any = ()) -> "WritingCursor":
        lake, written = self._open(), self.connection.written
        found = _WRITES.match(operation)
        if found is None:
            written.ingest(lake)
            super().execute(operation, parameters)
            return self
        self._end()
        try:
            written.tables.execute(operation, parameters or None)
        except duckdb.Error as error:
            raise dbapi.ProgrammingError(str(error)) from error
        name = found[3].strip('"')
        written.changed.add(name)
        if found[2]:
            written.dropped.add(name)
        return self


class Written:
    """The tables that were written."""

    def __init__(self) -> None:
        self.tables = duckdb.connect()
        self.changed: set[str] = set()
        self.dropped: set[str] = set()
        """Tables that were dropped, and may have been created again with other columns."""

    def ingest(self, lake: Lake) -> None:
        """Make the changed tables datasets, and drop those that were dropped."""
        there = {name for (name,) in self.tables.execute("SHOW TABLES").fetchall()}
        for dataset in lake.datasets() if self.dropped else ():
            if dataset.name in self.dropped:
                dataset.drop()
        for name in self.changed & there:
            lake.ingest(self.tables.table(f'"{name}"').to_arrow_table(), name=name)
        self.changed.clear()
        self.dropped.clear()


class WritingConnection(dbapi.Connection):
    """A connection to a lake, and the tables that were written into it."""

    def __init__(self, lake: Lake, written: Written) -> None:
        super().__init__(lake)
        self.written = written

    def cursor(self) -> WritingCursor:
        _ = self.lake
        return WritingCursor(self)


def writing_driver() -> SimpleNamespace:
    """The module `lakehouse.dbapi`, whose connections write as well."""
    written = Written()

    def connect(url: str) -> WritingConnection:
        return WritingConnection(dbapi.connect(url).lake, written)

    return SimpleNamespace(**{**vars(dbapi), "connect": connect})
