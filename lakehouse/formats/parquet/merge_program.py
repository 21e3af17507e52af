"""The process that merges Parquet: the rows of several files as few files.

The whole of one short-lived process: a `MergeRequest` on stdin, `Merged` on stdout, both JSON. Arrow
reads and writes; then DuckDB reads both as a query would, and compares. It may crash, which its
caller must take for an answer. It must never be imported by the server.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.parquet.field_ids import with_field_ids
from lakehouse.formats.parquet.merge_casts import Casts, cast_connection, target_schema
from lakehouse.formats.parquet.merging import (
    WRITER_KEY,
    WRITER_NAME,
    Merged,
    MergedFile,
    MergeRequest,
)
from lakehouse.formats.parquet.row_hash import row_hash, types_of
from lakehouse.formats.parquet.streaming import opened_for_streaming
from lakehouse.formats.parquet.writer import ParquetFile, write_parquet
from lakehouse.formats.schema import Column
from lakehouse.process.imports import refuse_pandas
from lakehouse.process.self_limits import confine
from projections.view_sql.datasets import View, types_sql, view_sql

MEMORY_BYTES = 6 << 30
"""Of addresses, which Arrow and DuckDB reserve more of than they use."""
BATCH_ROWS = 16_384
_WRITER = {WRITER_KEY: WRITER_NAME + b" 1"}
_SHOWN = 300


class Unfit(Exception):
    """The files cannot be merged; the message says why."""


def merged(request: MergeRequest) -> Merged:
    """The files that were written, or the problem."""
    try:
        return _merged(request)
    except (Unfit, pa.ArrowException, duckdb.Error, OSError, ValueError) as error:
        text = str(error).partition("\n")[0]
        for path in (*request.files, request.directory):
            text = text.replace(path, "an object")
        return Merged(problem=text[:_SHOWN])


def _merged(request: MergeRequest) -> Merged:
    connection = cast_connection()
    schemas = [pq.read_schema(path) for path in request.files]
    types = target_schema(schemas, request.columns, request.portable, request.files)
    schema = with_field_ids(types, _WRITER)
    counts: list[int] = []
    casts = Casts(lambda: connection, request.columns, schema)
    files = write_parquet(
        _batches(request, casts, counts),
        schema,
        Path(request.directory),
        IngestLimits(file_bytes=request.file_bytes),
    )
    written = [str(file.content) for file in files]
    _compare(connection, request, written, sum(counts))
    return Merged(
        tuple(_named(file) for file in files),
        tuple(Column(field.name, str(field.type)) for field in types),
        tuple(counts),
    )


def _named(file: ParquetFile) -> MergedFile:
    if isinstance(file.content, bytes):
        raise TypeError("a merged file is written into a directory")
    return MergedFile(file.content.name, file.row_count)


def _batches(request: MergeRequest, casts: Casts, counts: list[int]) -> Iterator[pa.RecordBatch]:
    """The rows that are written, as its columns; `counts` gets how many of them each file has."""
    first, stop = request.rows or (0, sys.maxsize)
    for path in request.files:
        counts.append(0)
        position = 0
        with opened_for_streaming(path) as file:
            for batch in file.iter_batches(BATCH_ROWS, use_threads=False):
                wanted = batch.slice(max(first - position, 0), max(stop - max(first, position), 0))
                position += batch.num_rows
                if wanted.num_rows:
                    counts[-1] += wanted.num_rows
                    yield casts.cast(wanted)


def _compare(
    connection: duckdb.DuckDBPyConnection,
    request: MergeRequest,
    written: Sequence[str],
    row_count: int,
) -> None:
    """Refuse what was written unless a query reads the same rows from it as from the files before."""
    for name, paths in (("files", request.files), ("after", written)):
        view = View(name, tuple(paths), request.columns)
        sql = types_sql(view)
        found = dict(connection.execute(sql).fetchall()) if sql else {}
        connection.execute(view_sql(view, found=found))
    first, stop = request.rows or (0, sys.maxsize)
    connection.execute(
        f"CREATE VIEW before AS FROM files LIMIT {stop - first} OFFSET {first}"
        if request.rows
        else "CREATE VIEW before AS FROM files"
    )
    types = types_of(connection, "before")
    before, after = (row_hash(connection, name, types) for name in ("before", "after"))
    if before != after or before.row_count != row_count:
        raise Unfit(
            f"a query reads {after.row_count} rows from what was written, {before.row_count} from the"
            f" objects before, of which {row_count} were copied; or their values differ"
        )


def main() -> None:
    """Answer one request."""
    refuse_pandas()
    confine(MEMORY_BYTES)
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=MergeRequest)
    sys.stdout.buffer.write(msgspec.json.encode(merged(asked)))


if __name__ == "__main__":
    main()
