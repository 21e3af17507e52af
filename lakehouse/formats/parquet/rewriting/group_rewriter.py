"""One file's row groups with a change of some rows: copied, or decoded and rewritten by several threads.

Each share of the row groups becomes a small file, whose row groups are then copied behind those before
them, so that the order of the rows is kept whichever thread ends first. Must never hold more than a
few shares: a file is larger than memory.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.ordered_parallel import ByteBudget, ordered_parallel_map
from lakehouse.formats.parquet.column_encodings import encodings
from lakehouse.formats.parquet.field_ids import with_field_ids
from lakehouse.formats.parquet.merge_casts import Casts, cast_connection, target_schema
from lakehouse.formats.parquet.rewriting.request import TARGET_BYTES
from lakehouse.formats.parquet.rewriting.row_edits import RowEdit
from lakehouse.formats.parquet.rewriting.splicing import Footer, Piece, SplicedFile, footer_of
from lakehouse.formats.parquet.rewriting.untouched_groups import (
    BATCH_ROWS,
    GroupRun,
    batch_rows,
    can_be_copied,
    planned,
)
from lakehouse.formats.parquet.streaming import opened_for_streaming
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


class GroupRewriter:
    """Writes a new version of a file in which some rows are changed.

    `columns` are the dataset's, with today's types; None: those of the file. A file much larger than
    `target_bytes` becomes several. Raises ValueError where
    the file's values have no such types.
    """

    def __init__(
        self,
        path: Path,
        columns: Sequence[Column] | None,
        edit: RowEdit,
        directory: Path,
        limits: IngestLimits,
        target_bytes: int = TARGET_BYTES,
    ) -> None:
        self._path = path
        self._columns = columns
        self._edit = edit
        self._directory = directory
        self._limits = limits
        self._target_bytes = target_bytes
        with pq.ParquetFile(path) as file:
            self._metadata = file.metadata
            self._names = file.schema_arrow.names
            types = target_schema([file.schema_arrow], columns, False, (str(path),))
        self._schema = with_field_ids(types, WRITER)
        self._like = _template(self._schema, limits)
        self._may_copy = can_be_copied(path, self._like)
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._connecting = Lock()
        self._encodings: dict[str, Any] = {}

    def files(self) -> list[ParquetFile]:
        """The files of the rows that are left, in order; none where no row is left.

        Raises pa.ArrowException, duckdb.Error, OSError, ValueError.
        """
        removes = self._edit.columns is None
        runs = planned(
            *(self._metadata, self._edit.rows, self._limits),
            may_copy=self._may_copy,
            removes=removes,
        )
        if not all(run.is_copied for run in runs):
            self._encodings = self._chosen_encodings()
        new = _NewFiles(self._directory, self._like)
        share_bytes, last_cut = self._share()
        with ThreadPoolExecutor(THREADS) as pool:
            pieces = ordered_parallel_map(
                *(pool, self._piece, runs, THREADS + 1, ByteBudget(AHEAD_BYTES)),
                lambda run: 0 if run.is_copied else run.size_bytes,
            )
            for run, piece in zip(runs, pieces, strict=True):
                if piece is not None:
                    new.add(piece)
                if new.size_bytes >= share_bytes and run.end_row <= last_cut:
                    new.cut()
        return new.finished()

    def _share(self) -> tuple[int, int]:
        """How large a file is that gets no further row group, and after which row there is no other file.

        The files have about the same size: what is left for the last one is at least half as much.
        """
        size_bytes = self._path.stat().st_size - self._metadata.serialized_size
        rows = self._metadata.num_rows
        count = max(1, round(size_bytes / self._target_bytes))
        return size_bytes // count, rows - rows // (2 * count)

    def _piece(self, run: GroupRun) -> Piece | None:
        """What takes the place of these row groups: themselves, or a file; None where no row is left."""
        if run.is_copied:
            return Piece(self._path, run.groups)
        if self._edit.columns is None and run.hits == run.end_row - run.first_row:
            return None
        part = self._directory / f"rows-{run.first_row}.parquet"
        if self._edit.columns is not None and self._may_copy and len(run.groups) == 1:
            names = self._edit.columns
            fields = [field for field in self._schema if field.name in names]
            self._write(part, run, pa.schema(fields), whole=True)
            return Piece(self._path, run.groups, part)
        self._write(part, run, self._schema, whole=False)
        return Piece(part)

    def _write(self, part: Path, run: GroupRun, schema: pa.Schema, *, whole: bool) -> None:
        """These columns of the row groups into a file; `whole`: as one row group."""
        at_once = batch_rows(self._metadata, run, self._limits, is_ours=self._may_copy)
        batches = self._decoded(run.groups, schema, at_once)
        rows = self._edit.applied(batches, run.first_row, schema)
        limits = self._limits
        if whole:
            count = run.end_row - run.first_row
            limits = msgspec.structs.replace(
                limits, row_group_rows=count, row_group_bytes=sys.maxsize
            )
        write_groups(part, rows, schema, _of_columns(self._encodings, schema), limits)

    def _decoded(
        self, groups: list[int], schema: pa.Schema, at_once: int
    ) -> Iterator[pa.RecordBatch]:
        casts = Casts(self._cursor, self._columns, schema)
        opened = opened_for_streaming(self._path, metadata=self._metadata)
        wanted = [name for name in self._names if name in schema.names]
        with opened as file:
            batches = file.iter_batches(
                *(at_once,), row_groups=groups, columns=wanted, use_threads=False
            )
            yield from map(partial(_cast, casts, wanted), batches)

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor of the one connection of all threads."""
        with self._connecting:
            if self._connection is None:
                self._connection = cast_connection()
            return self._connection.cursor()

    def _chosen_encodings(self) -> dict[str, Any]:
        """How all columns are encoded, by the first rows of the file."""
        first = next(self._decoded([0], self._schema, BATCH_ROWS))
        return encodings(pa.Table.from_batches([first]))


def _cast(casts: Casts, wanted: list[str], batch: pa.RecordBatch) -> pa.RecordBatch:
    if batch.schema.names != wanted:
        raise ValueError("Arrow reads other columns than the file's schema has")
    return casts.cast(batch)


def _of_columns(options: Mapping[str, Any], schema: pa.Schema) -> dict[str, Any]:
    """The options of a writer, for these columns alone."""
    found = dict(options)
    if "use_dictionary" in found:
        roots = {name: name.partition(".")[0] for name in found["use_dictionary"]}
        found["use_dictionary"] = [
            path for path, root in roots.items() if path in schema.names or root in schema.names
        ]
    if "column_encoding" in found:
        found["column_encoding"] = {
            name: encoding
            for name, encoding in found["column_encoding"].items()
            if name in schema.names
        }
    return found


class _NewFiles:
    """Files that are written one after the other."""

    def __init__(self, directory: Path, like: Footer) -> None:
        self._directory = directory
        self._like = like
        self._done: list[ParquetFile] = []
        self._sink: HashedFile | None = None
        self._file: SplicedFile | None = None

    def add(self, piece: Piece) -> None:
        if self._file is None or self._sink is None:
            self._sink = HashedFile(self._directory / f"new-{len(self._done) + 1:05}.parquet")
            self._file = SplicedFile(self._like, self._sink)
        self._file.add(piece)
        for part in (piece.path, piece.columns):
            if part is not None and part.parent == self._directory:
                part.unlink()

    @property
    def size_bytes(self) -> int:
        """Of the file that gets the next piece."""
        return self._sink.tell() if self._sink is not None else 0

    def finished(self) -> list[ParquetFile]:
        self.cut()
        return self._done

    def cut(self) -> None:
        """End the file, if there is one; the next piece begins another."""
        if self._file is not None and self._sink is not None:
            self._done.append(self._sink.finish(self._file.finish()))
        self._file = self._sink = None


def _template(schema: pa.Schema, limits: IngestLimits) -> Footer:
    (empty,) = write_parquet([], schema, None, limits)
    if not isinstance(empty.content, bytes):
        raise TypeError("a file was asked for in memory")
    return footer_of(BytesIO(empty.content))
