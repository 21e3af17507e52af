"""Parquet out of text: the same cells always give the same bytes.

Where row groups and files end depends on the cells alone, never on blocks or threads; nothing that
varies between two runs of one version goes into the files. It decides no type: every value is
known to fit.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from journal.block_hashes import BLOCK_BYTES, BlockHasher, hashed
from lakehouse.domain.progress import ProgressCallback, ignore_progress
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.ordered_parallel import prefetch_one
from lakehouse.formats.parquet.column_encodings import encodings
from lakehouse.formats.parquet.field_ids import with_field_ids
from lakehouse.formats.parquet.parallel_encoding import write_in_parallel
from lakehouse.formats.schema import Column
from lakehouse.formats.types.stored import arrow_type_of, convert

WRITER = {b"lakehouse.commit.writer": b"lakehouse ingest 3"}
"""In every footer. The number grows when the same cells would be written as other bytes."""

_CELL_BYTES = 8
"""What a cell counts for, and its text where it is text, towards `row_group_bytes`."""
_LARGE_ROWS = 10_000
"""With fewer in the first row group, making the next one is not worth a thread."""


class ParquetFile(msgspec.Struct, frozen=True):
    """One file: where it is on disk or, of a small one, its bytes; its lower-case hex SHA-256, its
    size, its rows."""

    content: Path | bytes
    sha256: str
    size_bytes: int
    row_count: int
    block_hashes: str = ""


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """The Arrow schema of the files of these columns."""
    return pa.schema([_field(column.name, column.type) for column in columns], WRITER)


@lru_cache(4096)
def _field(name: str, type_: str) -> pa.Field:
    """A column's field with its id; small files have the same columns again and again."""
    return with_field_ids(pa.schema([(name, arrow_type_of(type_))])).field(0)


def typed(
    values: Sequence[pa.Array | None], rows: int, columns: Sequence[Column], schema: pa.Schema
) -> pa.RecordBatch:
    """Texts, or values that were read from them, as `columns`, whose types hold for every value.

    None means a column of nulls; `schema` is that of the columns.
    """
    arrays = [
        pa.nulls(rows, type_) if each is None else convert(each, column.type)
        for each, column, type_ in zip(values, columns, schema.types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def write_parquet(
    rows: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    work_dir: Path | None,
    limits: IngestLimits,
    on_progress: ProgressCallback = ignore_progress,
    threads: int = 1,
) -> tuple[ParquetFile, ...]:
    """Write `rows` into `work_dir`: one file, or more beyond `file_bytes`; None: into memory.

    Where it is written, and by how many `threads`, makes no difference to the bytes. No rows make one
    file without rows, so that the schema can be read from it. `on_progress` gets the number of rows
    taken so far.
    """
    # One chunk a column: where pages end depends on the chunks that the writer is given.
    groups = map(_in_one_chunk, row_groups(_counted(rows, on_progress), limits))
    tables = prefetch_one(_releasing_memory(groups), _is_large)
    some = next(tables, None)
    left = chain([schema.empty_table() if some is None else some], tables)
    files: list[ParquetFile] = []
    for first in left:
        path = work_dir / f"part-{len(files) + 1:05}.parquet" if work_dir else None
        files.append(_write_file(path, first, left, limits, threads))
    return tuple(files)


def write_groups(
    path: Path,
    rows: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    options: Mapping[str, Any],
    limits: IngestLimits,
) -> None:
    """Write `rows` as row groups of one file. `options`: how columns are encoded.

    The batches are not put together, which would take as much memory again.
    """
    with pq.ParquetWriter(path, schema, **options) as writer:
        for group in row_groups(rows, limits):
            writer.write_table(group, row_group_size=max(1, group.num_rows))


class HashedFile:
    """A file that is hashed as it is written, so that nothing has to read it again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._hasher = BlockHasher()

    def write(self, data: bytes) -> None:
        """Take the next bytes, all of them."""
        self._hasher.update(data)
        self._file.write(data)

    def tell(self) -> int:
        """How many bytes were written."""
        return self._hasher.size_bytes

    def finish(self, row_count: int) -> ParquetFile:
        """Close the file, which has so many rows."""
        self._file.close()
        found = self._hasher
        return ParquetFile(
            self._path, found.sha256, found.size_bytes, row_count, found.block_hashes
        )


def _counted(
    rows: Iterable[pa.RecordBatch], on_progress: ProgressCallback
) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in rows:
        yield batch
        done += batch.num_rows
        on_progress(done)


def _releasing_memory(groups: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """`groups`; after each, Arrow returns the memory that it caches.

    Each thread's cache keeps memory that others need: a sixth of the peak of 5,000,000 rows.
    """
    for group in groups:
        yield group
        if _is_large(group):
            pa.default_memory_pool().release_unused()


def _in_one_chunk(group: pa.Table) -> pa.Table:
    return group if len(group.to_batches()) == 1 else group.combine_chunks()


def _is_large(table: pa.Table) -> bool:
    return bool(table.num_rows >= _LARGE_ROWS)


def row_groups(rows: Iterable[pa.RecordBatch], limits: IngestLimits) -> Iterator[pa.Table]:
    """The rows, regrouped: a group ends with the row that reaches either limit."""
    group: list[pa.RecordBatch] = []
    count, size = limits.row_group_rows, limits.row_group_bytes
    for left in rows:
        while left.num_rows:
            taken, left, taken_bytes = _split(left, count, size)
            group.append(taken)
            count, size = count - taken.num_rows, size - taken_bytes
            if count <= 0 or size <= 0:
                yield _taken(group)
                count, size = limits.row_group_rows, limits.row_group_bytes
    if group:
        yield _taken(group)


def _taken(group: list[pa.RecordBatch]) -> pa.Table:
    """The batches, which only the caller holds from now on: it may need the memory for a copy."""
    table = pa.Table.from_batches(group)
    group.clear()
    return table


def _split(
    rows: pa.RecordBatch, count: int, size: int
) -> tuple[pa.RecordBatch, pa.RecordBatch, int]:
    """At most `count` rows that end with the first to reach `size`, the rest, the bytes taken."""
    most = rows.slice(0, count)
    total, stop = _bytes(most), most.num_rows
    if total >= size:
        sizes = pc.cumulative_sum(_row_bytes(most))
        stop = pc.index(pc.greater_equal(sizes, size), True).as_py() + 1
        total = sizes[stop - 1].as_py()
    return rows.slice(0, stop), rows.slice(stop), total


def _bytes(batch: pa.RecordBatch) -> int:
    cells: int = batch.num_rows * batch.num_columns
    nested: int = sum(column.nbytes for column in _nested(batch))
    return sum(map(_text_bytes, _texts(batch))) + nested + _CELL_BYTES * cells


def _text_bytes(column: pa.StringArray | pa.BinaryArray) -> int:
    if not column.null_count and len(column):
        # Where the last value ends less where the first begins, without reading the others.
        ends = memoryview(column.buffers()[1]).cast("B").cast("i")
        return int(ends[column.offset + len(column)] - ends[column.offset])
    total: int = pc.sum(pc.binary_length(column), min_count=0).as_py()
    return total


def _row_bytes(batch: pa.RecordBatch) -> pa.Array:
    sizes = pa.repeat(pa.scalar(_CELL_BYTES * batch.num_columns, pa.int64()), batch.num_rows)
    for column in _texts(batch):
        sizes = pc.add(sizes, pc.fill_null(pc.binary_length(column), 0))
    for column in _nested(batch):
        # Of a nested value only the average size is known.
        sizes = pc.add(sizes, pa.scalar(column.nbytes // batch.num_rows + 1, pa.int64()))
    return sizes


def _texts(batch: pa.RecordBatch) -> Iterator[pa.StringArray | pa.BinaryArray]:
    """The columns whose values have sizes of their own."""
    return (
        column
        for column in batch.columns
        if pa.types.is_string(column.type) or pa.types.is_binary(column.type)
    )


def _nested(batch: pa.RecordBatch) -> Iterator[pa.Array]:
    return (column for column in batch.columns if column.type.num_fields)


def _write_file(
    path: Path | None,
    first: pa.Table,
    left: Iterable[pa.Table],
    limits: IngestLimits,
    threads: int,
) -> ParquetFile:
    """Write `first` and as much of what is `left` as fits."""
    if path is None:
        memory = pa.BufferOutputStream()
        rows = _write(memory, first, left, limits)
        body = memory.getvalue().to_pybytes()
        done = hashed(body)
        return ParquetFile(body, done.sha256, len(body), rows, done.block_hashes)
    with pa.OSFile(str(path), "wb") as sink:
        if threads > 1 and _is_large(first):
            options = encodings(first)
            rows = write_in_parallel(
                sink, chain([first], left), options, threads, limits.file_bytes
            )
        else:
            rows = _write(sink, first, left, limits)
    return written(path, rows)


def written(path: Path, row_count: int) -> ParquetFile:
    """The file at `path`, whose bytes are read and hashed."""
    hasher = BlockHasher()
    with path.open("rb") as file:
        while piece := file.read(BLOCK_BYTES):
            hasher.update(piece)
    return ParquetFile(path, hasher.sha256, hasher.size_bytes, row_count, hasher.block_hashes)


def _write(
    sink: pa.NativeFile, first: pa.Table, left: Iterable[pa.Table], limits: IngestLimits
) -> int:
    """The number of rows that were written."""
    rows = 0
    with pq.ParquetWriter(sink, first.schema, **encodings(first)) as writer:
        for table in chain([first], left):
            writer.write_table(table, row_group_size=max(1, table.num_rows))
            rows += table.num_rows
            if sink.tell() >= limits.file_bytes:
                break
    return rows
