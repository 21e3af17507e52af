"""The spool: a body on its way in, hashed and counted; on disk, unless it is small.

A spool file is gone when its context ends, however it ends. No more than HELD_BYTES of a body are
ever in memory as a whole.
"""

import errno
import hashlib
import os
import shutil
import tempfile
import time
from asyncio import create_task
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from contextlib import aclosing, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import msgspec

from journal.block_hashes import BlockHasher
from journal.threads import in_thread, over
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.growing_file import GrowingFile

BUFFER_BYTES = 1024 * 1024
"""Pieces are gathered up to this size before a thread writes them."""
HELD_BYTES = 64 * 1024
"""A body up to this size stays in memory: a file that is made, synced and removed costs more."""
WRITE_BYTES = 64 * 1024
"""Of a piece at a time. For longer writes Linux caches a file in larger pages, which on a virtual
machine that gives its free memory back to the host cost eight times as much: 150 ms for 64 MB."""
STALE_S = 24 * 3600
OURS = ("spool-", "ingest-", "keep-")


class Spooled(msgspec.Struct, frozen=True):
    """A body as received: a file, or the bytes of a small one."""

    content: Path | bytes
    sha256: str
    size_bytes: int
    block_hashes: str = ""


class _File:
    """An open spool file; its methods run in a thread, one at a time."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.arriving = GrowingFile(path)
        self.descriptor = descriptor
        self.hasher = BlockHasher()

    def write(self, piece: bytes | bytearray) -> None:
        view = memoryview(piece)
        while view:
            view = view[os.write(self.descriptor, view[:WRITE_BYTES]) :]
        self.arriving.grow(len(piece))
        self.hasher.update(piece)


@asynccontextmanager
async def spooled(
    chunks: AsyncIterator[bytes],
    directory: Path,
    max_bytes: int,
    pool: Executor,
    begun: Callable[[GrowingFile], None] = lambda _: None,
) -> AsyncIterator[Spooled]:
    """The body that `chunks` bring, spooled below `directory`, for as long as the context lasts.

    `begun` is told of one of which more is to come when it begins to be written. What it is told
    of is not ended here: whether to read on is for the reader's owner to say, all having come.
    Raises RefusedError: `too_large` as soon as more than `max_bytes` have come,
    `insufficient_storage` when the disk is full, `bucket_unavailable` without the directory.
    """
    async with aclosing(_gathered(chunks, max_bytes)) as pieces:
        # Less than BUFFER_BYTES come at once only when there is no more.
        first = await anext(pieces, bytearray())
        if len(first) <= HELD_BYTES:
            yield Spooled(bytes(first), hashlib.sha256(first).hexdigest(), len(first))
            return
        async with _on_disk(first, pieces, directory, pool, begun) as file:
            yield file


@asynccontextmanager
async def _on_disk(
    first: bytearray,
    others: AsyncIterator[bytearray],
    directory: Path,
    pool: Executor,
    begun: Callable[[GrowingFile], None],
) -> AsyncIterator[Spooled]:
    with full_disk_refused():
        descriptor, name = _made(directory)
    file = _File(Path(name), descriptor)
    try:
        if len(first) >= BUFFER_BYTES:
            begun(file.arriving)
        try:
            with full_disk_refused():
                await _write(file, first, others, pool)
        finally:
            os.close(descriptor)
        done = file.hasher
        yield Spooled(file.arriving.path, done.sha256, done.size_bytes, done.block_hashes)
    finally:
        file.arriving.give_up()
        file.arriving.path.unlink(missing_ok=True)


async def _write(
    file: _File, first: bytearray, others: AsyncIterator[bytearray], pool: Executor
) -> None:
    """Write all pieces, each while the next one comes."""
    writing = create_task(in_thread(pool, partial(file.write, first)))
    try:
        async for piece in others:
            await writing
            writing = create_task(in_thread(pool, partial(file.write, piece)))
        await writing
    finally:
        await over(writing)


def _made(directory: Path) -> tuple[int, str]:
    try:
        return tempfile.mkstemp(prefix="spool-", dir=directory)
    except FileNotFoundError as error:
        # It lies in a local bucket, and goes with it.
        refused = Refused("bucket_unavailable", "the spool directory is gone")
        raise RefusedError(refused) from error


@contextmanager
def full_disk_refused() -> Iterator[None]:
    """A disk without room becomes RefusedError `insufficient_storage`: it is no bug, and passes."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        detail = "no room in the spool directory"
        raise RefusedError(Refused("insufficient_storage", detail)) from error


def sweep(directory: Path) -> None:
    """Remove what processes that were killed a day ago or more have left in a spool directory."""
    stale_before = time.time() - STALE_S
    for path in directory.iterdir():
        if path.name.startswith(OURS) and path.lstat().st_mtime < stale_before:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


async def _gathered(
    chunks: AsyncIterator[bytes], max_bytes: int
) -> AsyncGenerator[bytearray, None]:
    buffer, total = bytearray(), 0
    async for chunk in chunks:
        total += len(chunk)
        if total > max_bytes:
            raise RefusedError(Refused("too_large", f"the body has more than {max_bytes:,} bytes"))
        buffer += chunk
        if len(buffer) >= BUFFER_BYTES:
            yield buffer
            buffer = bytearray()
    if buffer:
        yield buffer
