"""One file's row groups without some rows: copied, or decoded and rewritten by several threads.

Each share of the row groups becomes a small file, whose row groups are then copied behind those before
them, so that the order of the rows is kept whichever thread ends first. Must never hold more than a
few shares: a file is larger than memory.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.ordered_parallel import ByteBudget, ordered_parallel_map
from lakehouse.formats.parquet.column_encodings import encodings
from lakehouse.formats.parquet.field_ids import with_field_ids
from lakehouse.formats.parquet.merge_casts import Casts, cast_connection, target_schema
from lakehouse.formats.parquet.rewriter import kept
from lakehouse.formats.parquet.splicing import Footer, Piece, SplicedFile, footer_of
from lakehouse.formats.parquet.untouched_groups import GroupRun, can_be_copied, planned
from lakehouse.formats.parquet.writer import (
    WRITER,
    HashedFile,
    ParquetFile,
    write_groups,
    write_parquet,
)
from lakehouse.formats.schema import Column

THREADS = 2
AHEAD_BYTES = 128 * 1024 * 1024
"""Of values that are rewritten ahead of use."""
BATCH_ROWS = 16_384
READ_BYTES = 1024 * 1024
"""Of a column at once: a file that is mapped into memory counts as memory of the process."""


class GroupRewriter:
    """Writes one file without the rows `removed`: positions from 0, ascending.

    `columns` are the dataset's, with today's types; None: those of the file. Raises ValueError where
    the file's values have no such types.
    """

    def __init__(
        self,
        path: Path,
        columns: Sequence[Column] | None,
        removed: pa.Int64Array,
        directory: Path,
        limits: IngestLimits,
    ) -> None:
        self._path = path
        self._columns = columns
        self._removed = removed
        self._directory = directory
        self._limits = limits
        with pq.ParquetFile(path) as file:
            self._metadata = file.metadata
            types = target_schema([file.schema_arrow], columns, False, (str(path),))
        self._schema = with_field_ids(types, WRITER)
        self._connection = cast_connection()
        self._encodings: dict[str, Any] = {}

    def files(self) -> list[ParquetFile]:
        """The files of the rows that are left, in order; none where no row is left.

        Raises pa.ArrowException, duckdb.Error, OSError, ValueError.
        """
        like = _template(self._schema, self._limits)
        may_copy = can_be_copied(self._path, like)
        runs = planned(self._metadata, self._removed, self._limits, may_copy=may_copy)
        if not all(run.is_copied for run in runs):
            self._encodings = self._chosen_encodings()
        new = _NewFiles(self._directory, like, self._limits.file_bytes)
        with ThreadPoolExecutor(THREADS) as pool:
            pieces = ordered_parallel_map(
                *(pool, self._piece, runs, THREADS + 1, ByteBudget(AHEAD_BYTES)),
                lambda run: 0 if run.is_copied else run.size_bytes,
            )
            for piece in pieces:
                if piece is not None:
                    new.add(piece)
                    if piece.path != self._path:
                        piece.path.unlink()
        return new.finished()

    def _piece(self, run: GroupRun) -> Piece | None:
        """What takes the place of these row groups: themselves, or a file; None where no row is left."""
        if run.is_copied:
            return Piece(self._path, run.groups)
        begin, end = (
            bisect_left(self._removed, b, key=_number) for b in (run.first_row, run.end_row)
        )
        if end - begin == run.end_row - run.first_row:
            return None
        hits = pc.subtract(self._removed[begin:end], run.first_row)
        part = self._directory / f"rows-{run.first_row}.parquet"
        rows = kept(self._decoded(run.groups), hits, self._schema)
        write_groups(part, rows, self._schema, self._encodings, self._limits)
        return Piece(part)

    def _decoded(self, groups: list[int]) -> Iterator[pa.RecordBatch]:
        casts = Casts(self._connection.cursor(), self._columns, self._schema)
        opened = pq.ParquetFile(
            self._path, metadata=self._metadata, buffer_size=READ_BYTES, pre_buffer=False
        )
        with opened as file:
            batches = file.iter_batches(BATCH_ROWS, row_groups=groups, use_threads=False)
            yield from map(casts.cast, batches)

    def _chosen_encodings(self) -> dict[str, Any]:
        """How all columns are encoded, by the first rows of the file."""
        first = next(self._decoded([0]))
        return encodings(pa.Table.from_batches([first]))


class _NewFiles:
    """Files that are written one after the other; each ends with the piece that makes it large."""

    def __init__(self, directory: Path, like: Footer, file_bytes: int) -> None:
        self._directory = directory
        self._like = like
        self._file_bytes = file_bytes
        self._done: list[ParquetFile] = []
        self._sink: HashedFile | None = None
        self._file: SplicedFile | None = None

    def add(self, piece: Piece) -> None:
        if self._file is None or self._sink is None:
            self._sink = HashedFile(self._directory / f"new-{len(self._done) + 1:05}.parquet")
            self._file = SplicedFile(self._like, self._sink)
        self._file.add(piece)
        if self._sink.tell() >= self._file_bytes:
            self._finish()

    def finished(self) -> list[ParquetFile]:
        self._finish()
        return self._done

    def _finish(self) -> None:
        if self._file is not None and self._sink is not None:
            self._done.append(self._sink.finish(self._file.finish()))
        self._file = self._sink = None


def _template(schema: pa.Schema, limits: IngestLimits) -> Footer:
    (empty,) = write_parquet([], schema, None, limits)
    if not isinstance(empty.content, bytes):
        raise TypeError("a file was asked for in memory")
    return footer_of(BytesIO(empty.content))


def _number(position: pa.Int64Scalar) -> int:
    number: int = position.as_py()
    return number
