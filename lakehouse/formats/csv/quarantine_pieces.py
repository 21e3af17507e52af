"""Pieces: for `on_error=quarantine`, a text cut at ends of records, unreadable ones included.

An unreadable record ends with the line on which its problem shows; a quote that is never closed
takes the one line that it opens on, and the next line is a record's start again. Every byte of the
text is in a record, readable or not, or in an empty line; where the pieces end changes no record.
It reads no cell and removes nothing.
"""

from collections.abc import Generator, Iterable, Iterator
from itertools import chain

import msgspec

from lakehouse.domain.errors import RefusedError
from lakehouse.formats.csv.blocks import blocks, first_line
from lakehouse.formats.csv.dialect import Dialect
from lakehouse.formats.csv.record_scanner import (
    UNCLOSED_QUOTE,
    RecordScanner,
    line_ends,
    skip_empty_lines,
)
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.refusals import malformed


class Piece(msgspec.Struct, frozen=True):
    """Records as bytes, the first on `line`; in a `well_formed` piece all quotes are in order."""

    data: bytes
    line: int
    well_formed: bool = True


class Pieces:
    """Cuts one text. Iterate once."""

    def __init__(self, chunks: Iterable[bytes], dialect: Dialect, limits: IngestLimits) -> None:
        self._chunks = iter(chunks)
        self._dialect = dialect
        self._limits = limits
        self._scanner = RecordScanner(dialect)
        self._rest = b""
        """Text that was read and is in no piece yet."""
        self._line = 1

    def __iter__(self) -> Iterator[Piece]:
        """The pieces. Raises RefusedError `malformed_csv` for a line of more than `record_bytes`."""
        while True:
            tape = _Tape(chain([self._rest], self._chunks))
            well_formed = yield from self._well_formed(tape)
            if well_formed:
                return
            self._rest = bytes(tape.held)
            yield self._piece(self._unreadable_stop(), well_formed=False)

    def _well_formed(self, tape: "_Tape") -> Generator[Piece, None, bool]:
        """Pieces up to the first unreadable record; returns whether there is none."""
        try:
            for block in blocks(tape, self._dialect, self._limits, first_line):
                if not block.whole:
                    return False
                yield Piece(block.data, self._line)
                self._line += line_ends(block.data)
                tape.drop(len(block.data))
        except RefusedError:
            if tape.failed:
                raise
            return False
        return True

    def _unreadable_stop(self) -> int:
        """Where the records at the start of `_rest`, one of them unreadable, end; reads on for it."""
        stop, limit = 0, self._limits.record_bytes
        while not stop:
            chunk = next(self._chunks, None)
            self._rest += chunk or b""
            stop = self._known_stop(final=chunk is None)
            if not stop and len(self._rest) > limit:
                raise malformed(self._line, f"a line of more than {limit} bytes")
            if not stop:
                self._limits.check_large(len(self._rest))
        return stop

    def _known_stop(self, *, final: bool) -> int:
        """Up to where the records of `_rest`, readable or not, are known to be complete."""
        data, start = self._rest, 0
        while start < len(data):
            begin = skip_empty_lines(data, start)
            scan = self._scanner.scan(data, begin)
            open_quote = scan.problem == UNCLOSED_QUOTE
            unknown = open_quote and len(data) - begin <= self._limits.record_bytes
            # What follows may be more of it; after a last CR it may be the LF of a CRLF.
            if not final and (unknown or scan.stop == len(data)):
                return start
            start = scan.stop
        return start

    def _piece(self, stop: int, *, well_formed: bool) -> Piece:
        piece = Piece(self._rest[:stop], self._line, well_formed)
        self._rest = self._rest[stop:]
        self._line += line_ends(piece.data)
        return piece


class _Tape:
    """Passes chunks on, and holds those of their bytes that have not been dropped yet."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.held = bytearray()
        self.failed = False
        """Whether the chunks themselves were refused: what came of them is not the file."""

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._chunks:
                self.held += chunk
                yield chunk
        except RefusedError:
            self.failed = True
            raise

    def drop(self, size_bytes: int) -> None:
        del self.held[:size_bytes]
