"""The process that rewrites Parquet: files without some of their rows.

The whole of one short-lived process: each line of stdin is a `RewriteRequest`, each line of stdout the
`RewrittenFile` that answers it, both JSON. It may crash, which its caller must take for an answer. It must
never be imported by the server.
"""

import sys
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.parquet.rewriting.group_rewriter import GroupRewriter
from lakehouse.formats.parquet.rewriting.request import NewFile, RewriteRequest, RewrittenFile
from lakehouse.formats.parquet.rewriting.row_edits import MarkedRows, NewValues, Removal, RowEdit
from lakehouse.formats.parquet.writer import ParquetFile
from lakehouse.objects.file_identity import file_identity
from lakehouse.process.imports import refuse_pandas
from lakehouse.process.memory import return_free_memory
from lakehouse.process.self_limits import (
    limit_memory,
    reuse_freed_memory,
)

MEMORY_BYTES = 6 << 30
"""Of addresses, which Arrow and DuckDB reserve more of than they use."""


def rewritten(request: RewriteRequest) -> RewrittenFile:
    """The files that were written, or the problem."""
    into = Path(request.directory)
    try:
        with Path(request.file).open("rb") as file:
            # By the descriptor: whatever has the name meanwhile, these are the bytes that are read.
            path = Path(f"/proc/self/fd/{file.fileno()}")
            rewriter = GroupRewriter(
                *(path, request.columns, _edit(request), into, IngestLimits()),
                request.target_bytes,
            )
            files = rewriter.files()
            if file_identity(file.fileno()) != request.identity:
                return RewrittenFile(problem="the file is another one than was verified")
        return RewrittenFile(tuple(map(_named, files)))
    except (pa.ArrowException, duckdb.Error, OSError, ValueError) as error:
        return RewrittenFile(problem=type(error).__name__)


def _edit(request: RewriteRequest) -> RowEdit:
    rows = MarkedRows(Path(request.rows).read_bytes())
    return Removal(rows) if request.values is None else NewValues(rows, Path(request.values))


def _named(file: ParquetFile) -> NewFile:
    if isinstance(file.content, bytes):
        raise TypeError("files are written into a directory")
    name = file.content.name
    return NewFile(name, file.sha256, file.size_bytes, file.row_count, file.block_hashes)


def main() -> None:
    """Answer each line of stdin."""
    refuse_pandas()
    limit_memory(MEMORY_BYTES)
    reuse_freed_memory()
    for line in sys.stdin.buffer:
        asked = msgspec.json.decode(line, type=RewriteRequest)
        sys.stdout.buffer.write(msgspec.json.encode(rewritten(asked)) + b"\n")
        sys.stdout.buffer.flush()
        return_free_memory()


if __name__ == "__main__":
    main()
