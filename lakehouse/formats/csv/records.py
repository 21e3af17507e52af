"""The slow, exact reader: one record at a time, with its line and what is wrong with it.

It reads the header, and it explains a block that the fast reader refused; it never reads the
rows of a file that is well formed.
"""

import re
from collections.abc import Iterator

import msgspec

from lakehouse.formats.csv.dialect import Dialect

_EMPTY_LINES = re.compile(rb"[\r\n]*+")
_QUOTED = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')


class Record(msgspec.Struct, frozen=True):
    """One record: the physical line that it begins on (from 1), where it ends, its cells.

    With `problem` it could not be read: `line` is then the offending byte's, `cells` are empty.
    """

    line: int
    stop: int
    cells: tuple[str, ...]
    problem: str | None = None


def records(data: bytes, line: int, dialect: Dialect, most: int) -> Iterator[Record]:
    """The records of `data`, whose first byte is on `line`; empty lines are skipped.

    `data` begins at a record's start. Ends after the first record with a problem; one of more
    than `most` cells is such, so that no line of mere delimiters can fill the memory.
    """
    field = dialect.field()
    start = 0
    while True:
        begin = _EMPTY_LINES.match(data, start).end()  # type: ignore[union-attr]  # matches always
        line += line_ends(data[start:begin])
        if begin == len(data):
            return
        record = _record(data, begin, line, field, dialect, most)
        yield record
        if record.problem:
            return
        start, line = record.stop, line + line_ends(data[begin : record.stop])


def line_ends(data: bytes) -> int:
    """How many lines end in `data`: by LF, CRLF or a lone CR."""
    returns = data.count(b"\r")
    return data.count(b"\n") + (returns and returns - data.count(b"\r\n"))


def _record(
    data: bytes, start: int, line: int, field: re.Pattern[bytes], dialect: Dialect, most: int
) -> Record:
    cells: list[bytes] = []
    position, end, problem = start, b",", None
    while end not in (b"\n", b"\r", b"\r\n", b"") and not problem:
        match = field.match(data, position)
        if match is None:
            position, problem = _unreadable(data, position)
        elif len(cells) == most:
            problem = f"more than {most} fields"
        else:
            quoted = match["quoted"]
            cells.append(match["plain"] if quoted is None else quoted.replace(b'""', b'"'))
            position, end = match.end(), match["end"]
    undecodable = _undecodable(data[start:position])
    if undecodable is not None:
        position, problem = start + undecodable, f"bytes that are not {dialect.encoding}"
    if problem:
        return Record(line + line_ends(data[start:position]), position, (), problem)
    return Record(line, position, tuple(cell.decode() for cell in cells))


def _unreadable(data: bytes, position: int) -> tuple[int, str]:
    closed = _QUOTED.match(data, position)
    if closed is None:
        return position, "a quoted field that is never closed"
    return closed.end(), "text after a closing quote"


def _undecodable(data: bytes) -> int | None:
    """Index of the first byte that is not UTF-8, which is what every encoding was turned into."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None
