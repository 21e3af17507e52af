"""The exact record scanner: where each record ends, its cells, its line and what is wrong with it.

It reads the header, explains a block that pyarrow refused, and finds the bad records of a file
that is read with `on_error=quarantine`. Pure. It never reads the rows of a well-formed file.
"""

import re
from collections.abc import Iterator

import msgspec

from lakehouse.formats.csv.dialect import QUOTE, Dialect

UNCLOSED_QUOTE = "a quoted field that is never closed"
_TEXT_AFTER_QUOTE = "text after a closing quote"
_EMPTY_LINES = re.compile(rb"[\r\n]*+")
_NEWLINE = re.compile(rb"\r\n|\n|\r")
_QUOTED = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')
_RECORD_ENDS = (b"\n", b"\r", b"\r\n", b"")


class Record(msgspec.Struct, frozen=True):
    """One record: the physical line that it begins on (from 1), where it ends, its cells.

    With `problem` it could not be read: `line` is then the offending byte's, `cells` are empty.
    """

    line: int
    stop: int
    cells: tuple[str, ...]
    problem: str | None = None


class Span(msgspec.Struct, frozen=True, gc=False):
    """Where a record stands, its newline included, the line it begins on, what is wrong with it."""

    start: int
    stop: int
    line: int
    problem: str | None


class Scan(msgspec.Struct, frozen=True, gc=False):
    """One record: its end, its number of fields, and why and where it cannot be read.

    Without a problem `problem_at` is the record's end.
    """

    stop: int
    field_count: int
    problem: str | None
    problem_at: int


class RecordScanner:
    """Scans records of one dialect. An unreadable record ends with the line of its problem."""

    def __init__(self, dialect: Dialect) -> None:
        self._field = dialect.field()
        self._delimiter = dialect.delimiter.encode()

    def scan(self, data: bytes, begin: int) -> Scan:
        """The record of `data` that begins at `begin`."""
        stop = _line_stop(data, begin)
        if data.find(QUOTE, begin, stop) < 0:
            return Scan(stop, data.count(self._delimiter, begin, stop) + 1, None, stop)
        position, count, end = begin, 0, self._delimiter
        while end not in _RECORD_ENDS:
            match = self._field.match(data, position)
            if match is None:
                return self._unreadable(data, position, count, stop)
            position, end, count = match.end(), match["end"], count + 1
        return Scan(position, count, None, position)

    def cells(self, data: bytes, begin: int, stop: int) -> Iterator[bytes]:
        """The fields of the readable record in `data[begin:stop]`, quotes removed."""
        for match in self._fields(data, begin, stop):
            quoted = match["quoted"]
            yield match["plain"] if quoted is None else quoted.replace(b'""', b'"')

    def end_of_fields(self, data: bytes, begin: int, count: int) -> int:
        """Where the first `count` fields of a record end; it must have as many."""
        position = begin
        for _, match in zip(range(count), self._fields(data, begin, len(data)), strict=False):
            position = match.end()
        return position

    def _fields(self, data: bytes, begin: int, stop: int) -> Iterator[re.Match[bytes]]:
        position, end = begin, self._delimiter
        while end not in _RECORD_ENDS and (match := self._field.match(data, position, stop)):
            yield match
            position, end = match.end(), match["end"]

    def _unreadable(self, data: bytes, position: int, count: int, first_line_stop: int) -> Scan:
        closed = _QUOTED.match(data, position)
        if closed is None:
            return Scan(first_line_stop, count, UNCLOSED_QUOTE, position)
        stop = _line_stop(data, closed.end())
        return Scan(stop, count, _TEXT_AFTER_QUOTE, closed.end())


def records(data: bytes, line: int, dialect: Dialect, max_cells: int) -> Iterator[Record]:
    """The records of `data`, whose first byte is on `line`; empty lines are skipped.

    `data` begins at a record's start. Ends after the first record with a problem; a record of more
    than `max_cells` has one, so that a line of delimiters cannot fill the memory.
    """
    scanner = RecordScanner(dialect)
    for begin, line_number, scan in _scans(data, line, scanner):
        record = _record(data, begin, line_number, scan, scanner, dialect, max_cells)
        yield record
        if record.problem:
            return


def spans(data: bytes, line: int, dialect: Dialect, columns: int) -> Iterator[Span]:
    """Every record of `data`, whose first byte is on `line`: good and bad, up to the last byte."""
    scanner = RecordScanner(dialect)
    for begin, line_number, scan in _scans(data, line, scanner):
        problem = scan.problem
        if problem is None and scan.field_count != columns:
            problem = field_count_problem(scan.field_count, columns)
        if _first_undecodable(data[begin : scan.stop]) is not None:
            problem = _not_encoded(dialect)
        yield Span(begin, scan.stop, line_number, problem)


def field_count_problem(found: int, expected: int) -> str:
    """Why a record of `found` fields is no row of a table of `expected` columns."""
    columns = "is 1 column" if expected == 1 else f"are {expected} columns"
    return f"{found} {'field' if found == 1 else 'fields'} where there {columns}"


def line_ends(data: bytes) -> int:
    """How many lines end in `data`: by LF, CRLF or a lone CR."""
    returns = data.count(b"\r")
    return data.count(b"\n") + (returns and returns - data.count(b"\r\n"))


def skip_empty_lines(data: bytes, start: int) -> int:
    """The first position from `start` on that is not in an empty line."""
    return _EMPTY_LINES.match(data, start).end()  # type: ignore[union-attr]  # matches always


def _scans(data: bytes, line: int, scanner: RecordScanner) -> Iterator[tuple[int, int, Scan]]:
    """Each record: its position, its line, its scan."""
    start = 0
    while (begin := skip_empty_lines(data, start)) < len(data):
        line += line_ends(data[start:begin])
        scan = scanner.scan(data, begin)
        yield begin, line, scan
        start = scan.stop
        line += line_ends(data[begin:start])


def _record(
    data: bytes,
    begin: int,
    line: int,
    scan: Scan,
    scanner: RecordScanner,
    dialect: Dialect,
    max_cells: int,
) -> Record:
    problem, position = scan.problem, scan.problem_at
    if scan.field_count > max_cells:
        problem = f"more than {max_cells} fields"
        position = scanner.end_of_fields(data, begin, max_cells)
    undecodable = _first_undecodable(data[begin:position])
    if undecodable is not None:
        position, problem = begin + undecodable, _not_encoded(dialect)
    if problem:
        return Record(line + line_ends(data[begin:position]), position, (), problem)
    cells = tuple(cell.decode() for cell in scanner.cells(data, begin, scan.stop))
    return Record(line, scan.stop, cells)


def _not_encoded(dialect: Dialect) -> str:
    return f"bytes that are not {dialect.encoding}"


def _line_stop(data: bytes, position: int) -> int:
    newline = _NEWLINE.search(data, position)
    return newline.end() if newline else len(data)


def _first_undecodable(data: bytes) -> int | None:
    """Index of the first byte that is not UTF-8, which is what every encoding was turned into."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None
