"""Parquet files with a change of some rows: what is asked of the process that writes them, and its answers.

Owns the request and the answer, each of them one line of JSON. The process runs `program`; a file can crash
whoever decodes it, so it must never be decoded in the server.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from lakehouse.formats.parquet.writer import ParquetFile
from lakehouse.formats.schema import Column
from lakehouse.objects.extents import Identity
from lakehouse.process.child import ChildSession, Program
from lakehouse.process.forking.fork_server import ForkServer

PROGRAM = Program("lakehouse.formats.parquet.rewriting.program", "parquet-rewrite")
REWRITE_S = 1_800.0
"""For how long one file may be read and written."""
TARGET_BYTES = 96 * 1024 * 1024
"""A larger file becomes several of about this size: the next change of neighbours rewrites one or two of
them. Compaction takes objects of up to 64 MiB for small ones, and merges them."""


class RewriteRequest(msgspec.Struct, frozen=True):
    """A file that is rewritten without some of its rows, or with new values in them.

    `identity` is that of the file's verified bytes: with another one nothing that was read counts.
    `rows` is a file that marks these rows: one bit a row, the lowest of each byte first. `values` is a file
    with an Arrow stream: their new values, in the order of the rows; None: these rows are removed.
    `target_bytes`: of each file, where one becomes several.
    `columns` are the dataset's, with today's types; None: those of the file.
    """

    file: str
    identity: Identity
    rows: str
    columns: tuple[Column, ...] | None
    directory: str
    values: str | None = None
    target_bytes: int = TARGET_BYTES


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


class FileRewriter:
    """The process that rewrites the files of one change, one after the other."""

    def __init__(self, session: ChildSession) -> None:
        self._session = session

    @property
    def is_running(self) -> bool:
        """Whether the process was started."""
        return self._session.is_running

    async def start(self) -> None:
        """Start the process, unless it runs. It becomes ready while the caller does something else."""
        await self._session.start()

    async def rewrite(self, request: RewriteRequest) -> RewrittenFile:
        """Rewrite the file."""
        answer = await self._session.ask(msgspec.json.encode(request), REWRITE_S)
        if answer is None:
            detail = "reading it takes the process down, or all the time or memory it may have"
            return RewrittenFile(problem=detail)
        return msgspec.json.decode(answer, type=RewrittenFile)


@asynccontextmanager
async def file_rewriter(forks: ForkServer) -> AsyncIterator[FileRewriter]:
    """What rewrites files, in a process that starts when it is needed and ends with the context."""
    session = ChildSession(forks, PROGRAM)
    try:
        yield FileRewriter(session)
    finally:
        await session.close()
