"""The spool: an incoming body, hashed and counted; on disk unless it is small.

A spool file is removed when its context ends, however it ends. A body of more than HELD_BYTES is never
in memory as a whole.
"""

import errno
import hashlib
import os
import tempfile
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
from lakehouse.process.growing_file import GrowingFile

BUFFER_BYTES = 1024 * 1024
"""Pieces are collected up to this size before a thread writes them."""
LONG_BYTES = 16 * 1024
"""Chunks from this size on are not joined before they are written."""
HELD_BYTES = 64 * 1024
"""A body up to this size stays in memory: to create, sync and remove a file costs more."""
WRITE_BYTES = 64 * 1024
"""Bytes per write. For longer writes Linux caches a file in larger pages, which on a virtual machine
that returns free memory to the host cost eight times as much: 150 ms for 64 MB."""
_LOCKED_BYTES = 2047
"""What hashlib hashes without releasing the interpreter's lock (HASHLIB_GIL_MINSIZE)."""


class Spooled(msgspec.Struct, frozen=True):
    """A received body: a file, or the bytes of a small one."""

    content: Path | bytes
    sha256: str
    size_bytes: int
    block_hashes: str = ""


class _Piece:
    """Consecutive chunks of a body. Long ones stay as they came: to join them took a fifth of the event
    loop's time for a large file. Short ones are joined, since each object takes 50 bytes more."""

    def __init__(self) -> None:
        self.chunks: list[bytes | bytearray] = []
        self.size_bytes = 0

    def add(self, chunk: bytes) -> None:
        last = self.chunks[-1] if self.chunks else None
        self.size_bytes += len(chunk)
        if len(chunk) >= LONG_BYTES:
            self.chunks.append(chunk)
        elif isinstance(last, bytearray):
            last += chunk
        else:
            self.chunks.append(bytearray(chunk))


class _File:
    """An open spool file; its methods run in a thread, one at a time."""

    def __init__(self, path: Path, descriptor: int, *, hash_blocks: bool) -> None:
        self.arriving = GrowingFile(path)
        self.descriptor = descriptor
        self.hasher = BlockHasher(blocks=hash_blocks)

    def write(self, piece: _Piece) -> None:
        for chunk in piece.chunks:
            view = memoryview(chunk)
            while view:
                view = view[os.write(self.descriptor, view[:WRITE_BYTES]) :]
        self.arriving.grow(piece.size_bytes)
        for chunk in piece.chunks:
            self.hasher.update(chunk)


@asynccontextmanager
async def spooled(
    chunks: AsyncIterator[bytes],
    directory: Path,
    max_bytes: int,
    pool: Executor,
    begun: Callable[[GrowingFile], None] = lambda _: None,
    *,
    hash_blocks: bool = False,
) -> AsyncIterator[Spooled]:
    """The body that consists of `chunks`, spooled in `directory` while the context lasts.

    `hash_blocks`: it becomes an object as it is, which has block hashes.

    `begun` is called with the growing file when a body that continues starts to be written. The file
    is not completed here: its reader's owner does that when all of the body has arrived.
    Raises RefusedError: `too_large` as soon as more than `max_bytes` have arrived,
    `insufficient_storage` when the disk is full, `bucket_unavailable` when the directory does not exist.
    """
    async with aclosing(_gathered(chunks, max_bytes)) as pieces:
        # A first piece of less than BUFFER_BYTES is the whole body.
        first = await anext(pieces, _Piece())
        if first.size_bytes <= HELD_BYTES:
            body = b"".join(first.chunks)
            yield Spooled(body, small_sha256(body), len(body))
            return
        async with _on_disk(first, pieces, directory, pool, begun, hash_blocks=hash_blocks) as file:
            yield file


def small_sha256(body: bytes) -> str:
    """The SHA-256 of a small body. Of longer pieces hashlib releases the interpreter's lock, for which the
    event loop then waits many times as long as the hashing takes."""
    hasher = hashlib.sha256()
    for at in range(0, len(body), _LOCKED_BYTES):
        hasher.update(body[at : at + _LOCKED_BYTES])
    return hasher.hexdigest()


@asynccontextmanager
async def _on_disk(
    first: _Piece,
    others: AsyncIterator[_Piece],
    directory: Path,
    pool: Executor,
    begun: Callable[[GrowingFile], None],
    *,
    hash_blocks: bool,
) -> AsyncIterator[Spooled]:
    with full_disk_refused():
        descriptor, name = _made(directory)
    file = _File(Path(name), descriptor, hash_blocks=hash_blocks)
    try:
        if first.size_bytes >= BUFFER_BYTES:
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


async def _write(file: _File, first: _Piece, others: AsyncIterator[_Piece], pool: Executor) -> None:
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
        # It is inside a local bucket, and was removed with it.
        refused = Refused("bucket_unavailable", "the spool directory does not exist")
        raise RefusedError(refused) from error


@contextmanager
def full_disk_refused() -> Iterator[None]:
    """Turn a full disk into RefusedError `insufficient_storage`."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        detail = "no space left in the spool directory"
        raise RefusedError(Refused("insufficient_storage", detail)) from error


async def _gathered(chunks: AsyncIterator[bytes], max_bytes: int) -> AsyncGenerator[_Piece, None]:
    piece, total = _Piece(), 0
    async for chunk in chunks:
        total += len(chunk)
        if total > max_bytes:
            raise RefusedError(Refused("too_large", f"the body has more than {max_bytes:,} bytes"))
        piece.add(chunk)
        if piece.size_bytes >= BUFFER_BYTES:
            yield piece
            piece = _Piece()
    if piece.chunks:
        yield piece
