"""A Parquet file with a change of some rows: what is asked of the process that writes it, and its answer.

Owns the request and the answer. The process runs `program`; a file can crash whoever decodes it,
so it must never be decoded in the server.
"""

from pathlib import Path

import msgspec

from lakehouse.formats.parquet.writer import ParquetFile
from lakehouse.formats.schema import Column
from lakehouse.objects.extents import Identity
from lakehouse.process.child import run_child

REWRITE_S = 1_800.0
"""For how long one file may be read and written."""


class RewriteRequest(msgspec.Struct, frozen=True):
    """A file that is rewritten without some of its rows, or with new values in them.

    `identity` is that of the file's verified bytes: with another one nothing that was read counts.
    `rows` is a file of positions, from 0, ascending, as int64 in the machine's order. `values` is a file
    with an Arrow stream: their new values, in the same order; None: these rows are removed.
    `columns` are the dataset's, with today's types; None: those of the file.
    """

    file: str
    identity: Identity
    rows: str
    columns: tuple[Column, ...] | None
    directory: str
    values: str | None = None


class NewFile(msgspec.Struct, frozen=True):
    """A file that was written: its name, and what ParquetFile has of it."""

    name: str
    sha256: str
    size_bytes: int
    row_count: int
    block_hashes: str


class RewrittenFile(msgspec.Struct, frozen=True):
    """The files that were written; or the problem, and nothing counts."""

    files: tuple[NewFile, ...] = ()
    problem: str | None = None

    def parquet_files(self, directory: Path) -> tuple[ParquetFile, ...]:
        """The files, which are in that directory."""
        return tuple(
            ParquetFile(
                *(directory / each.name, each.sha256, each.size_bytes, each.row_count),
                block_hashes=each.block_hashes,
            )
            for each in self.files
        )


async def rewrite_file(request: RewriteRequest) -> RewrittenFile:
    """Rewrite the file, in a process of its own."""
    body = msgspec.json.encode(request)
    answer = await run_child("lakehouse.formats.parquet.rewriting.program", body, REWRITE_S)
    if answer is None:
        detail = "reading it takes the process down, or all the time or memory it may have"
        return RewrittenFile(problem=detail)
    return msgspec.json.decode(answer, type=RewrittenFile)
