"""A bucket in one directory of a local filesystem, shared safely by several processes.

Owns the threads in which all file work runs; the event loop never touches a file. `write` makes
objects whole and durable; `tree` rejects symlinks.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from journal.bucket.errors import BucketRefused, BucketUnavailable, ObjectMissing
from journal.bucket.keys import check_blobs
from journal.bucket.local import listing, write
from journal.bucket.local.tree import TEMPORARY, Tree, translated
from journal.bucket.port import Created, LocalFile, Stat

CHUNK_BYTES = 1 << 20
THREADS = 8

P = ParamSpec("P")
T = TypeVar("T")


class LocalBucket:
    """A directory as a bucket. Use `open`."""

    def __init__(self, tree: Tree, pool: ThreadPoolExecutor) -> None:
        self._tree = tree
        self._pool = pool
        self._open = True

    @classmethod
    async def open(cls, directory: Path) -> "LocalBucket":
        """The bucket in `directory`, created when absent (0700).

        Removes temporary files of killed processes. The path to the directory may contain symlinks;
        below it they are refused. Raises BucketRefused, BucketUnavailable, BucketFull.
        """
        pool = ThreadPoolExecutor(THREADS, thread_name_prefix="bucket")
        try:
            return cls(await _run(pool, _open_tree, directory), pool)
        except BaseException:
            pool.shutdown(wait=False)
            raise

    @property
    def url(self) -> str:
        return self._tree.root.as_uri()

    @property
    def spool_dir(self) -> Path | None:
        return self._tree.root / TEMPORARY

    async def create(self, key: str, body: bytes) -> Created:
        return await self._run(write.create, self._tree, key, body)

    async def upload(self, key: str, source: Path | bytes) -> None:
        stopped = threading.Event()
        work = asyncio.ensure_future(self._run(write.upload, self._tree, key, source, stopped))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            stopped.set()
            await asyncio.wait([work])  # so that no temporary file is left when we return
            raise

    async def read(self, key: str) -> bytes:
        return await self._run(_read, self._tree, key)

    async def stream(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        # Opened for each piece: objects never change, and an abandoned reader leaks nothing.
        at = start
        while True:
            size = CHUNK_BYTES if length is None else min(CHUNK_BYTES, start + length - at)
            try:
                piece = await self._run(_read_piece, self._tree, key, at, size)
            except ObjectMissing as error:
                if at == start:
                    raise
                raise BucketUnavailable(f"{key}: deleted while it was being read") from error
            if not piece:
                return
            yield piece
            at += len(piece)
            if length is not None and at >= start + length:
                return

    async def stat(self, key: str) -> Stat:
        return await self._run(listing.stat_object, self._tree, key)

    async def list_objects(self, prefix: str, after: str = "", limit: int = 1000) -> list[Stat]:
        return await self._run(listing.list_objects, self._tree, prefix, after, limit)

    async def delete_blobs(self, keys: Sequence[str]) -> list[str]:
        check_blobs(keys)
        return await self._run(write.delete, self._tree, keys)

    async def abort_uploads(self, lake: str, begun_before: datetime) -> list[str]:
        """A killed process leaves a temporary file, which the next opening removes."""
        return []

    async def is_shared(self) -> bool:
        return await self._run(self._tree.is_shared)

    async def now(self) -> datetime:
        return await self._run(_now, self._tree)

    def local_file(self, key: str) -> LocalFile | None:
        return LocalFile(self._tree.root / key, partial(_descriptor, self._tree, key))

    async def close(self) -> None:
        if self._open:
            self._open = False
            await asyncio.to_thread(self._pool.shutdown)
            self._tree.close()

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await _run(self._pool, function, *args, **kwargs)


async def _run(
    pool: ThreadPoolExecutor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    return await asyncio.wrap_future(pool.submit(function, *args, **kwargs))


def _open_tree(directory: Path) -> Tree:
    with translated(directory.name):
        try:
            return Tree(directory)
        except (FileNotFoundError, NotADirectoryError) as error:
            # No object is missing: the directory's parents do not exist and cannot be created.
            raise BucketRefused(f"{directory.name}: {error.strerror}") from error


def _read(tree: Tree, key: str) -> bytes:
    with (
        translated(key),
        tree.opened(key, durable=True) as descriptor,
        os.fdopen(descriptor, "rb", closefd=False) as file,
    ):
        return file.read()


def _read_piece(tree: Tree, key: str, at: int, size_bytes: int) -> bytes:
    with translated(key), tree.opened(key) as descriptor:
        return os.pread(descriptor, size_bytes, at)


def _descriptor(tree: Tree, key: str) -> int:
    with translated(key), tree.opened(key) as descriptor:
        return os.dup(descriptor)


def _now(tree: Tree) -> datetime:
    with translated("clock"):
        return datetime.fromtimestamp(tree.clock_s(), UTC)
