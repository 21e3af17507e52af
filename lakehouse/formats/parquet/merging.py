"""Several Parquet files written as few: what is asked of the process that does it, and its answer.

Owns the request and the answer. The process runs `merge_program`; a file can crash whoever decodes it,
so it must never be decoded in the server.
"""

import msgspec

from lakehouse.formats.schema import Column
from lakehouse.process.child import Program, run_child
from lakehouse.process.forking.fork_server import ForkServer

PROGRAM = Program("lakehouse.formats.parquet.merge_program", "parquet-merge")
WRITER_KEY, WRITER_NAME = b"lakehouse.commit.writer", b"lakehouse compact"
"""In the footer of every file that compaction writes; a version follows the name."""
MERGE_S = 3_600.0
"""For how long one group of files may be read and written."""


class MergeRequest(msgspec.Struct, frozen=True):
    """Files whose rows become few files, in this order.

    `columns` are the dataset's, with today's types; None: those of the first file, which all files
    must have. `portable`: write the types that other engines read (see `portable_types`).
    """

    files: tuple[str, ...]
    columns: tuple[Column, ...] | None
    portable: bool
    directory: str
    file_bytes: int
    rows: tuple[int, int] | None = None
    """Of a single file: only its rows from the first number, counted from 0, to before the second."""


class MergedFile(msgspec.Struct, frozen=True):
    """A file that was written into the directory of the request."""

    name: str
    row_count: int


class Merged(msgspec.Struct, frozen=True):
    """The files that were written, with the types they have, and the rows of each file that was read.

    `problem`: why the files cannot be merged; nothing else counts then.
    """

    files: tuple[MergedFile, ...] = ()
    columns: tuple[Column, ...] = ()
    rows: tuple[int, ...] = ()
    problem: str | None = None


async def merge_files(forks: ForkServer, request: MergeRequest) -> Merged:
    """Write the files' rows as few files, in a process of its own at the lowest priority."""
    body = msgspec.json.encode(request)
    answer = await run_child(forks, PROGRAM, body, MERGE_S)
    if answer is None:
        detail = "reading them takes the process down, or all the time or memory it may have"
        return Merged(problem=detail)
    return msgspec.json.decode(answer, type=Merged)
