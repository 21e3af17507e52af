"""The quarantine filter: a CSV file becomes the same file without its bad rows, and those a Parquet.

The filtered file has each line where it was: a removed row leaves empty lines. So what reads it
afterwards names the lines that people see. One pass; it types nothing.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow.compute as pc

from lakehouse.domain.errors import RefusedError
from lakehouse.formats.csv.blocks import Block
from lakehouse.formats.csv.dialect import Dialect
from lakehouse.formats.csv.header import Header, take_header
from lakehouse.formats.csv.quarantine_pieces import Piece, Pieces
from lakehouse.formats.csv.record_scanner import Span, line_ends, spans
from lakehouse.formats.csv.text_reader import TextReader
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.options import Options
from lakehouse.formats.quarantine import Quarantined, QuarantinedRow, QuarantineWriter
from lakehouse.formats.refusals import refusal, shown
from lakehouse.formats.schema import Wanted
from lakehouse.formats.types.fitting import all_fit, fit_mask
from lakehouse.formats.types.stored import type_label

BOM = b"\xef\xbb\xbf"


class QuarantineFilter(msgspec.Struct, frozen=True):
    """Takes out what `reader` cannot read, and rows with a value that is not of its `wanted` type."""

    reader: TextReader
    wanted: tuple[str | None, ...]

    def split(self, piece: Piece) -> tuple[bytes, Sequence[QuarantinedRow]]:
        """What stays of a piece, each line in its place, and its bad rows, in its order."""
        if self._is_good(piece):
            return piece.data, ()
        found = list(spans(piece.data, piece.line, self.reader.dialect, len(self.reader.names)))
        rows = [span for span in found if span.problem is None]
        bad = [_quarantined(piece, span, None, span.problem) for span in found if span.problem]
        bad += self._misfits(piece, rows)
        bad.sort(key=lambda each: each.line)
        lines = {each.line for each in bad}
        return _without(piece.data, found, lines), bad

    def _is_good(self, piece: Piece) -> bool:
        """Whether every record is a row, and every value is of its wanted type."""
        if not piece.well_formed:
            return False
        try:
            batch = self.reader.read(_block(piece.data, piece.line))
        except RefusedError:
            return False
        pairs = zip(batch.columns, self.wanted, strict=True)
        return all(name is None or all_fit(column, name) for column, name in pairs)

    def _misfits(self, piece: Piece, rows: Sequence[Span]) -> list[QuarantinedRow]:
        """Those of these rows that hold a value of another type than the wanted one."""
        data = b"".join(piece.data[row.start : row.stop] for row in rows)
        batch = self.reader.read(_block(data, piece.line))
        found: dict[int, QuarantinedRow] = {}
        for column, name, values in zip(self.reader.names, self.wanted, batch.columns, strict=True):
            if name is None or all_fit(values, name):
                continue
            for row in pc.indices_nonzero(pc.invert(fit_mask(values, name))).to_pylist():
                reason = f"{shown(values[row].as_py())} does not fit {type_label(name)}"
                found.setdefault(row, _quarantined(piece, rows[row], column, reason))
        return list(found.values())


class FilteredFile(msgspec.Struct, frozen=True):
    """The file without its bad rows, UTF-8 and not compressed, and the bad rows."""

    path: Path
    quarantine: Quarantined | None


def filter_bad_rows(
    chunks: Iterator[bytes],
    into: Path,
    dialect: Dialect,
    options: Options,
    wanted: Wanted,
    limits: IngestLimits,
) -> FilteredFile:
    """Write the text in `chunks` into the directory `into`, without its bad rows.

    `wanted` gives the type that each named column's values must be of. Raises RefusedError
    `empty_csv`, `malformed_csv` for a header that cannot be read or a line without an end.
    """
    path = into / "filtered.csv"
    quarantine = QuarantineWriter(into / "quarantine.parquet", dialect.encoding)
    found = iter(Pieces(chunks, dialect, limits))
    with path.open("wb") as file:
        # The reader removes one BOM; a second one would be a name's first character.
        file.write(BOM)
        header, first = _header(found, file, dialect, options.header, limits)
        reader = TextReader(dialect, header.names, options.null_tokens, limits)
        row_filter = QuarantineFilter(reader, wanted(header.names))
        for piece in chain([first] if first is not None else [], found):
            good, bad = row_filter.split(piece)
            file.write(good)
            quarantine.add(bad)
    return FilteredFile(path, quarantine.close())


def _header(
    found: Iterator[Piece], file: BinaryIO, dialect: Dialect, written: bool, limits: IngestLimits
) -> tuple[Header, Piece | None]:
    """The header, once its lines are in `file`, and what follows it in its piece."""
    for piece in found:
        block = _block(piece.data, piece.line)
        try:
            header, rest = take_header(
                iter([block]), dialect, written=written, max_columns=limits.columns
            )
        except RefusedError as error:
            if error.refused.code != "empty_csv":
                raise
            file.write(piece.data)
            continue
        left = next(rest, None)
        size_bytes = len(piece.data) - (len(left.data) if left else 0)
        file.write(piece.data[:size_bytes])
        line = piece.line + line_ends(piece.data[:size_bytes])
        return header, Piece(left.data, line, piece.well_formed) if left else None
    raise refusal("empty_csv", "the file has no header record")


def _block(data: bytes, line: int) -> Block:
    """Records as a block that begins on `line`: only a header asks for other lines."""
    return Block(data, lambda _: line)


def _quarantined(
    piece: Piece, span: Span, column: str | None, reason: str | None
) -> QuarantinedRow:
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
