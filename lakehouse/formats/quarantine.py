"""The quarantine file: the bad rows of a file, as Parquet that people and SQL can read.

Columns `line` (of the file, from 1), `column` (null where the record could not be read), `reason`,
`raw` (the record's bytes in the file's own encoding, without its newline). Rows are in the
file's order; the same rows give the same bytes. It judges nothing.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.formats.parquet.field_ids import with_field_ids
from lakehouse.formats.parquet.streaming import opened_for_streaming
from lakehouse.formats.parquet.writer import ParquetFile, written
from lakehouse.formats.text_encoding import raw_bytes

SCHEMA = with_field_ids(
    pa.schema(
        [
            ("line", pa.int64()),
            ("column", pa.string()),
            ("reason", pa.string()),
            ("raw", pa.binary()),
        ]
    )
)
GROUP_ROWS = 16_384
GROUP_BYTES = 16 << 20
EXAMPLES = 100
"""How many of the first rows a report shows without the file being read."""


class QuarantinedRow(msgspec.Struct, frozen=True, gc=False):
    """A record that is no row: the line that it begins on, its bytes without the newline, and why.

    `column` names the column whose value does not fit; None where the record cannot be read.
    """

    line: int
    column: str | None
    reason: str
    raw: bytes


class Quarantined(msgspec.Struct, frozen=True):
    """A finished quarantine file, and the first of what it holds, without the bytes."""

    file: ParquetFile
    examples: tuple[QuarantinedRow, ...]

    def moved(self, path: Path) -> "Quarantined":
        """The same at `path`, on the same disk."""
        if not isinstance(self.file.content, Path):
            raise TypeError("a quarantine file is written to disk")
        self.file.content.rename(path)
        return msgspec.structs.replace(self, file=msgspec.structs.replace(self.file, content=path))


class QuarantineWriter:
    """Writes bad rows to `path`, which the first of them creates. Memory is bounded."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._path = path
        self._encoding = encoding
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[QuarantinedRow] = []
        self._waiting_bytes = 0
        self._row_count = 0
        self._examples: list[QuarantinedRow] = []

    def add(self, rows: Sequence[QuarantinedRow]) -> None:
        """Add these rows; a row group is written whenever there are enough."""
        for each in rows:
            self._waiting.append(each)
            self._waiting_bytes += len(each.raw)
            if len(self._waiting) >= GROUP_ROWS or self._waiting_bytes >= GROUP_BYTES:
                self._flush()

    def close(self) -> Quarantined | None:
        """Finish the file; None where there was no bad row, and so no file."""
        if self._waiting:
            self._flush()
        if self._writer is None:
            return None
        self._writer.close()
        return Quarantined(written(self._path, self._row_count), tuple(self._examples))

    def _flush(self) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                str(self._path), SCHEMA, compression="zstd", compression_level=1
            )
        rows, self._waiting, self._waiting_bytes = self._waiting, [], 0
        columns = [
            [each.line for each in rows],
            [each.column for each in rows],
            [each.reason for each in rows],
            [raw_bytes(each.raw, self._encoding) for each in rows],
        ]
        arrays = [
            pa.array(column, type_) for column, type_ in zip(columns, SCHEMA.types, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA))
        self._row_count += len(rows)
        few = rows[: EXAMPLES - len(self._examples)]
        self._examples += [msgspec.structs.replace(each, raw=b"") for each in few]


def read_quarantine(path: Path) -> Iterator[QuarantinedRow]:
    """The rows of a quarantine file, in its order, read a row group at a time."""
    with opened_for_streaming(path) as file:
        for batch in file.iter_batches(GROUP_ROWS):
            for row in batch.to_pylist():
                yield QuarantinedRow(row["line"], row["column"], row["reason"], row["raw"])
