"""PEP 249 over the client: `lakehouse.dbapi.connect(url)`, or `connect(bucket=…)` in this process.

Statements only read, so there is nothing to commit: `commit` and `rollback` do nothing. A result streams;
a cursor keeps one batch of it.
"""

import datetime
import time as clock
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import lakehouse
from lakehouse.client.closing import Closing
from lakehouse.client.lake import Lake

if TYPE_CHECKING:
    import pyarrow as pa

    from lakehouse.client.result import Result

apilevel = "2.0"
threadsafety = 2
"""Threads may share the module and connections, not cursors."""
paramstyle = "qmark"

Row = tuple[Any, ...]


class Warning(Exception):  # noqa: A001  # named by PEP 249
    """Never raised here."""


class Error(Exception):
    """What all errors of this module are. The client's error, with its code, is the cause."""


class InterfaceError(Error):
    """The module was used wrongly: a closed cursor, for example."""


class DatabaseError(Error):
    """What the lake refused."""


class DataError(DatabaseError):
    """A value that cannot be processed."""


class OperationalError(DatabaseError):
    """The lake could not be asked, or could not answer now."""


class IntegrityError(DatabaseError):
    """Never raised here: a lakehouse has no constraints."""


class InternalError(DatabaseError):
    """A bug of the lake."""


class ProgrammingError(DatabaseError):
    """A wrong statement, or wrong parameters."""


class NotSupportedError(DatabaseError):
    """A statement that would change something."""


Date, Time, Timestamp = datetime.date, datetime.time, datetime.datetime
Binary = bytes


def DateFromTicks(ticks: float) -> datetime.date:  # noqa: N802  # named by PEP 249
    """The local date of a Unix time."""
    return datetime.date(*clock.localtime(ticks)[:3])


def TimeFromTicks(ticks: float) -> datetime.time:  # noqa: N802  # named by PEP 249
    """The local time of day of a Unix time."""
    return datetime.time(*clock.localtime(ticks)[3:6])


def TimestampFromTicks(ticks: float) -> datetime.datetime:  # noqa: N802  # named by PEP 249
    """The local time of a Unix time, without a zone."""
    return datetime.datetime(*clock.localtime(ticks)[:6])  # noqa: DTZ001  # PEP 249's has none


class TypeCode:
    """Equal to the type codes of its kind: the second member of a column's description."""

    def __init__(self, *prefixes: str) -> None:
        self._prefixes = prefixes

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TypeCode):
            return self is other
        return isinstance(other, str) and other.startswith(self._prefixes)

    def __hash__(self) -> int:
        return hash(self._prefixes)


STRING = TypeCode("string", "large_string")
BINARY = TypeCode("binary", "large_binary")
NUMBER = TypeCode("int", "uint", "float", "double", "decimal", "bool")
DATETIME = TypeCode("date", "time", "duration")
ROWID = TypeCode("rowid")
"""Equal to no column's type: rows have no ids."""

_UNSUPPORTED = frozenset({"statement_not_allowed"})
_OPERATIONAL = frozenset({"unreachable", "incomplete_answer", "unauthenticated", "forbidden"})


class Cursor(Closing):
    """Runs statements and fetches their rows. A context manager."""

    arraysize = 1

    def __init__(self, connection: "Connection") -> None:
        self.connection = connection
        self.rowcount = -1
        """Not known: a result streams."""
        self.description: list[tuple[Any, ...]] | None = None
        self._result: Result | None = None
        self._rows: Iterator[Row] | None = None
        self._closed = False

    def execute(self, operation: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Self:
        """Run a statement. `parameters`: values for `?`, or by name for `$name`."""
        lake = self._open()
        self._end()
        with _translated():
            try:
                self._result = lake.sql(operation, parameters or None)
            except (TypeError, ValueError) as error:
                raise ProgrammingError(str(error)) from error
        self.description = [_described(field) for field in self._result.schema]
        self._rows = _rows(self._result)
        return self

    def executemany(
        self, operation: str, seq_of_parameters: Iterable[Sequence[Any] | dict[str, Any]]
    ) -> Self:
        """Run a statement for each of the parameters; the last one's rows can be fetched."""
        for parameters in seq_of_parameters:
            self.execute(operation, parameters)
        return self

    def fetchone(self) -> Row | None:
        """The next row; None at the end."""
        rows = self._fetching()
        with _translated():
            return next(rows, None)

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """Up to `size` rows (`arraysize` by default)."""
        count = self.arraysize if size is None else size
        found: list[Row] = []
        while len(found) < count and (row := self.fetchone()) is not None:
            found.append(row)
        return found

    def fetchall(self) -> list[Row]:
        """All rows that are left."""
        rows = self._fetching()
        with _translated():
            return list(rows)

    def close(self) -> None:
        """End the cursor; a statement that still runs is stopped."""
        self._end()
        self._closed = True

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """Does nothing: values have their own sizes."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Does nothing: values are never cut."""

    def __iter__(self) -> Iterator[Row]:
        return iter(self.fetchone, None)

    def __next__(self) -> Row:
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    def _open(self) -> Lake:
        if self._closed:
            raise InterfaceError("the cursor is closed")
        return self.connection.lake

    def _fetching(self) -> Iterator[Row]:
        self._open()
        if self._rows is None:
            raise InterfaceError("no statement was run")
        return self._rows

    def _end(self) -> None:
        if self._result is not None:
            self._result.close()
        self._result = self._rows = self.description = None


class Connection(Closing):
    """A connection to a lake. A context manager."""

    Warning = Warning
    Error = Error
    InterfaceError = InterfaceError
    DatabaseError = DatabaseError
    DataError = DataError
    OperationalError = OperationalError
    IntegrityError = IntegrityError
    InternalError = InternalError
    ProgrammingError = ProgrammingError
    NotSupportedError = NotSupportedError

    def __init__(self, lake: Lake) -> None:
        self._lake: Lake | None = lake

    @property
    def lake(self) -> Lake:
        """The client below. Raises InterfaceError once the connection is closed."""
        if self._lake is None:
            raise InterfaceError("the connection is closed")
        return self._lake

    def cursor(self) -> Cursor:
        """A new cursor."""
        _ = self.lake
        return Cursor(self)

    def commit(self) -> None:
        """Does nothing: statements only read."""
        _ = self.lake

    def rollback(self) -> None:
        """Does nothing: statements only read."""
        _ = self.lake

    def close(self) -> None:
        """Close the connection, and a lake that it opened in this process."""
        if self._lake is not None:
            self._lake.close()
            self._lake = None


def connect(
    url: str | None = None,
    token: str | None = None,
    profile: str | None = None,
    *,
    bucket: str | None = None,
) -> Connection:
    """A connection to a server at `url`, or to the lake of `bucket`, opened in this process."""
    if (url is None) == (bucket is None):
        raise InterfaceError("connect needs a url or a bucket, and not both")
    with _translated():
        try:
            if bucket is not None:
                return Connection(lakehouse.open(bucket, profile))
            return Connection(lakehouse.connect(url or "", token, profile))
        except ValueError as error:
            raise InterfaceError(str(error)) from error


@contextmanager
def _translated() -> Iterator[None]:
    """The client's errors as this module's."""
    try:
        yield
    except lakehouse.Error as error:
        raise _class_of(error)(str(error)) from error


def _class_of(error: lakehouse.Error) -> type[DatabaseError]:
    if error.code in _UNSUPPORTED:
        return NotSupportedError
    if error.code in _OPERATIONAL or error.retryable:
        return OperationalError
    if error.code == "internal_error":
        return InternalError
    return ProgrammingError


def _rows(result: "Result") -> Iterator[Row]:
    from lakehouse.client.result import rows_of

    for batch in result:
        yield from rows_of(batch)


def _described(field: "pa.Field") -> tuple[Any, ...]:
    kind = field.type
    is_decimal = str(kind).startswith("decimal")
    precision, scale = (kind.precision, kind.scale) if is_decimal else (None, None)
    return (field.name, str(kind), None, None, precision, scale, None)
