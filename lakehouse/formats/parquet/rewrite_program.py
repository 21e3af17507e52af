"""`python -m lakehouse.formats.parquet.rewrite_program`: a file without some of its rows.

The whole of one short-lived process: a `RewriteRequest` on stdin, `RewrittenFile` on stdout, both JSON. It
may crash, which its caller must take for an answer. It must never be imported by the server.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.parquet import untouched_groups
from lakehouse.formats.parquet.field_ids import with_field_ids
from lakehouse.formats.parquet.merge_casts import Casts, cast_connection, target_schema
from lakehouse.formats.parquet.rewriter import rewrite
from lakehouse.formats.parquet.rewriting import RewriteRequest, RewrittenFile
from lakehouse.formats.parquet.writer import WRITER
from lakehouse.process.imports import refuse_pandas
from lakehouse.process.self_limits import die_with, limit_memory

MEMORY_BYTES = 6 << 30
"""Of addresses, which Arrow and DuckDB reserve more of than they use."""
BATCH_ROWS = 16_384
READ_BYTES = 1024 * 1024
"""Of a column at once: a file that is mapped into memory counts as memory of the process."""


def rewritten(request: RewriteRequest) -> RewrittenFile:
    """The files that were written, or the problem."""
    try:
        return _rewritten(request)
    except (pa.ArrowException, duckdb.Error, OSError, ValueError) as error:
        return RewrittenFile(problem=type(error).__name__)


def _rewritten(request: RewriteRequest) -> RewrittenFile:
    path, directory, limits = Path(request.file), Path(request.directory), IngestLimits()
    removed = _positions(Path(request.removed))
    with pq.ParquetFile(path, buffer_size=READ_BYTES, pre_buffer=False) as file:
        types = target_schema([file.schema_arrow], request.columns, False, (request.file,))
        schema = with_field_ids(types, WRITER)
        casts = Casts(cast_connection(), request.columns, schema)

        def decode(groups: list[int]) -> Iterator[pa.RecordBatch]:
            batches = file.iter_batches(BATCH_ROWS, row_groups=groups, use_threads=False)
            return map(casts.cast, batches)

        runs = untouched_groups.planned(file.metadata, removed, limits)
        if any(run.is_copied for run in runs) and untouched_groups.is_ours(path):
            found = untouched_groups.spliced(path, runs, decode, removed, schema, directory, limits)
            if found is not None:
                return RewrittenFile(((found[0].name, found[1]),))
        every = list(range(file.num_row_groups))
        files = rewrite(decode(every), removed, schema, directory, limits)
    return RewrittenFile(tuple((Path(str(each.content)).name, each.row_count) for each in files))


def _positions(path: Path) -> pa.Int64Array:
    body = pa.py_buffer(path.read_bytes())
    return pa.Array.from_buffers(pa.int64(), body.size // 8, [None, body])


if __name__ == "__main__":
    refuse_pandas()
    die_with(int(sys.argv[1]))
    limit_memory(MEMORY_BYTES)
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=RewriteRequest)
    sys.stdout.buffer.write(msgspec.json.encode(rewritten(asked)))
