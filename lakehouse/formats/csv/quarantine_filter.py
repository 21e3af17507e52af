"""Sifting: a CSV file becomes the same file without what cannot stay, and that in quarantine.

The sifted file has each line where it was: what is set aside leaves empty lines. So all that
follows reads it like any other, and names the lines that people see. One pass; it types nothing.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow.compute as pc

from lakehouse.domain.errors import RefusedError
from lakehouse.formats.csv.blocks import Block
from lakehouse.formats.csv.dialect import Dialect
from lakehouse.formats.csv.header import Header, take_header
from lakehouse.formats.csv.record_scanner import Piece, Span, pieces, spans
from lakehouse.formats.csv.records import line_ends
from lakehouse.formats.csv.text_reader import TextReader
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.options import Options
from lakehouse.formats.quarantine import Quarantined, QuarantinedRow, QuarantineWriter
from lakehouse.formats.refusals import refusal, shown
from lakehouse.formats.schema import Wanted
from lakehouse.formats.value_fit import fitting, holds

BOM = b"\xef\xbb\xbf"


class Sieve(msgspec.Struct, frozen=True):
    """Sets aside what `reader` cannot read, and rows with a value that is not of a `wanted` type."""

    reader: TextReader
    wanted: tuple[str | None, ...]

    def sift(self, piece: Piece) -> tuple[bytes, Sequence[QuarantinedRow]]:
        """What stays of a piece, each line in its place, and what does not, in its order."""
        if self._is_clean(piece):
            return piece.data, ()
        found = list(spans(piece.data, piece.line, self.reader.dialect, len(self.reader.names)))
        rows = [span for span in found if span.problem is None]
        aside = [_aside(piece, span, None, span.problem) for span in found if span.problem]
        aside += self._misfits(piece, rows)
        aside.sort(key=lambda each: each.line)
        lines = {each.line for each in aside}
        return _without(piece.data, found, lines), aside

    def _is_clean(self, piece: Piece) -> bool:
        """Whether every record is a row, and every value is of the type wanted."""
        if not piece.sound:
            return False
        try:
            batch = self.reader.read(_block(piece.data, piece.line))
        except RefusedError:
            return False
        pairs = zip(batch.columns, self.wanted, strict=True)
        return all(name is None or holds(column, name) for column, name in pairs)

    def _misfits(self, piece: Piece, rows: Sequence[Span]) -> list[QuarantinedRow]:
        """Of these rows those that hold a value which is not of the type wanted, column by column."""
        data = b"".join(piece.data[row.start : row.stop] for row in rows)
        batch = self.reader.read(_block(data, piece.line))
        found: dict[int, QuarantinedRow] = {}
        for column, name, values in zip(self.reader.names, self.wanted, batch.columns, strict=True):
            if name is None or holds(values, name):
                continue
            for row in pc.indices_nonzero(pc.invert(fitting(values, name))).to_pylist():
                reason = f"{shown(values[row].as_py())} does not fit {name}"
                found.setdefault(row, _aside(piece, rows[row], column, reason))
        return list(found.values())


class Sifted(msgspec.Struct, frozen=True):
    """The file that stays, UTF-8 and not compressed, and what was set aside of it."""

    path: Path
    quarantine: Quarantined | None


def sift(
    chunks: Iterator[bytes],
    into: Path,
    dialect: Dialect,
    options: Options,
    wanted: Wanted,
    limits: IngestLimits,
) -> Sifted:
    """Sift the text that `chunks` bring into the directory `into`.

    `wanted` tells the type that each named column's values must be of. Raises RefusedError
    `empty_csv`, `malformed_csv` for a header that cannot be read or a line without an end.
    """
    path = into / "sifted.csv"
    quarantine = QuarantineWriter(into / "quarantine.parquet", dialect.encoding)
    found = pieces(chunks, dialect, limits)
    with path.open("wb") as file:
        # Whatever follows takes one BOM off; a second one would be a name's first character.
        file.write(BOM)
        header, first = _header(found, file, dialect, options.header, limits)
        reader = TextReader(dialect, header.names, options.null_tokens, limits)
        sieve = Sieve(reader, wanted(header.names))
        for piece in _and_then(first, found):
            stays, aside = sieve.sift(piece)
            file.write(stays)
            quarantine.add(aside)
    return Sifted(path, quarantine.close())


def _header(
    found: Iterator[Piece], file: BinaryIO, dialect: Dialect, written: bool, limits: IngestLimits
) -> tuple[Header, Piece | None]:
    """The header, once its lines are in `file`, and what follows it in its piece."""
    for piece in found:
        block = _block(piece.data, piece.line)
        try:
            header, rest = take_header(iter([block]), dialect, written=written, most=limits.columns)
        except RefusedError as error:
            if error.refused.code != "empty_csv":
                raise
            file.write(piece.data)
            continue
        left = next(rest, None)
        size_bytes = len(piece.data) - (len(left.data) if left else 0)
        file.write(piece.data[:size_bytes])
        line = piece.line + line_ends(piece.data[:size_bytes])
        return header, Piece(left.data, line, piece.sound) if left else None
    raise refusal("empty_csv", "the file has no header record")


def _block(data: bytes, line: int) -> Block:
    """Records, the first on `line`; only of a header more is asked than that."""
    return Block(data, lambda _: line)


def _and_then(first: Piece | None, found: Iterator[Piece]) -> Iterator[Piece]:
    if first is not None:
        yield first
    yield from found


def _aside(piece: Piece, span: Span, column: str | None, reason: str | None) -> QuarantinedRow:
    raw = piece.data[span.start : span.stop].removesuffix(b"\n").removesuffix(b"\r")
    return QuarantinedRow(span.line, column, reason or "", raw)


def _without(data: bytes, found: Sequence[Span], lines: set[int]) -> bytes:
    """`data` with empty lines where the records that begin on these lines were."""
    parts, end = [], 0
    for span in found:
        parts.append(data[end : span.start])
        record = data[span.start : span.stop]
        parts.append(b"\n" * line_ends(record) if span.line in lines else record)
        end = span.stop
    return b"".join([*parts, data[end:]])
