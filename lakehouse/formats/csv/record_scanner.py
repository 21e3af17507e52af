"""The sieve: for `on_error=quarantine`, the records of a text apart from what is none.

A record that cannot be read ends with the line on which that shows; a quote that is never closed
takes the one line that it opens on, and the next line is a record's start again. Every byte of the
text is in a record, readable or not, or in an empty line. Pure: where pieces end changes nothing
of it.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

import msgspec

from lakehouse.domain.errors import RefusedError
from lakehouse.formats.csv.blocks import blocks, on_first
from lakehouse.formats.csv.dialect import QUOTE, Dialect
from lakehouse.formats.csv.records import line_ends
from lakehouse.formats.csv.text_reader import miscounted
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.refusals import malformed

_EMPTY_LINES = re.compile(rb"[\r\n]*+")
_NEWLINE = re.compile(rb"\r\n|\n|\r")
_QUOTED = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')
_UNCLOSED = "a quoted field that is never closed"
_AFTER_QUOTE = "text after a closing quote"


class Piece(msgspec.Struct, frozen=True):
    """Records as bytes, the first of them on `line`; of a `sound` piece all quotes are in order."""

    data: bytes
    line: int
    sound: bool = True


class Span(msgspec.Struct, frozen=True, gc=False):
    """Where in a piece a record stands, its newline included, and what is wrong with it."""

    start: int
    stop: int
    line: int
    problem: str | None


def pieces(chunks: Iterable[bytes], dialect: Dialect, limits: IngestLimits) -> Iterator[Piece]:
    """Cut `chunks` at ends of records, also of those that cannot be read.

    Raises RefusedError `malformed_csv` for a line of more than `limits.record_bytes`.
    """
    source, reading = iter(chunks), _Reading(dialect)
    rest, line = b"", 1
    while True:
        tape = _Tape(chain([rest], source))
        sound = True
        try:
            for block in blocks(tape, dialect, limits, on_first):
                if not block.whole:
                    sound = False
                    break
                yield Piece(block.data, line)
                line += line_ends(block.data)
                tape.drop(len(block.data))
        except RefusedError:
            if tape.ended_badly:
                raise
            sound = False
        if sound:
            return
        rest, stop = bytes(tape.held), 0
        while not stop:
            chunk = next(source, None)
            rest += chunk or b""
            stop = _complete(rest, reading, limits.record_bytes, final=chunk is None)
            if not stop and len(rest) > limits.record_bytes:
                raise malformed(line, f"a line of more than {limits.record_bytes} bytes")
        yield Piece(rest[:stop], line, sound=False)
        line, rest = line + line_ends(rest[:stop]), rest[stop:]


def spans(data: bytes, line: int, dialect: Dialect, columns: int) -> Iterator[Span]:
    """Every record of `data`, whose first byte is on `line`: good and bad, up to the last byte."""
    reading, start = _Reading(dialect), 0
    while True:
        begin = _EMPTY_LINES.match(data, start).end()  # type: ignore[union-attr]  # matches always
        line += line_ends(data[start:begin])
        if begin == len(data):
            return
        stop, count, problem = reading.record(data, begin)
        if problem is None and count != columns:
            problem = miscounted(count, columns)
        if not _is_utf8(data[begin:stop]):
            problem = f"bytes that are not {dialect.encoding}"
        yield Span(begin, stop, line, problem)
        line += line_ends(data[begin:stop])
        start = stop


class _Tape:
    """Chunks on their way, and those bytes of them that have not been dropped yet."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.held = bytearray()
        self.ended_badly = False
        """Whether the chunks themselves were refused: what came of them is not the file."""

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._chunks:
                self.held += chunk
                yield chunk
        except RefusedError:
            self.ended_badly = True
            raise

    def drop(self, size_bytes: int) -> None:
        del self.held[:size_bytes]


class _Reading:
    """The dialect, ready to find where records end."""

    def __init__(self, dialect: Dialect) -> None:
        self._field = dialect.field()
        self._mark = dialect.delimiter.encode()

    def record(self, data: bytes, begin: int) -> tuple[int, int, str | None]:
        """Where the record at `begin` ends, how many fields it has, why it cannot be read."""
        stop = _line_stop(data, begin)
        if data.find(QUOTE, begin, stop) < 0:
            return stop, data.count(self._mark, begin, stop) + 1, None
        position, count, end = begin, 0, b","
        while end not in (b"\n", b"\r", b"\r\n", b""):
            match = self._field.match(data, position)
            if match is None:
                closed = _QUOTED.match(data, position)
                if closed is None:
                    return stop, count, _UNCLOSED
                return _line_stop(data, closed.end()), count, _AFTER_QUOTE
            position, end, count = match.end(), match["end"], count + 1
        return position, count, None


def _complete(data: bytes, reading: "_Reading", most: int, *, final: bool) -> int:
    """Up to where the records of `data`, readable or not, are known to be whole."""
    start = 0
    while start < len(data):
        begin = _EMPTY_LINES.match(data, start).end()  # type: ignore[union-attr]  # matches always
        stop, _, problem = reading.record(data, begin)
        unknown = problem is _UNCLOSED and len(data) - begin <= most
        # What follows may be more of it; after a last CR it may be the LF of a CRLF.
        if not final and (unknown or stop == len(data)):
            return start
        start = stop
    return start


def _line_stop(data: bytes, position: int) -> int:
    newline = _NEWLINE.search(data, position)
    return newline.end() if newline else len(data)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
