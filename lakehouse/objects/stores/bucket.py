"""The bucket over several stores: all that is written goes to the main one, blobs are read where they lie.

A blob's copies are tried nearest first: a directory before a store in the network, the main store before
others, the older copy before the newer one; a store that has just failed, or a copy with other bytes, comes
last. Always by the present state: what an earlier moment refers to lies where it lies now. Must never answer
that an object is missing while a store that may have it did not answer.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path

import structlog

from journal.bucket.errors import (
    BucketError,
    BucketRefused,
    BucketUnavailable,
    ObjectMissing,
    StoreUnavailable,
)
from journal.bucket.port import Created, LocalFile, Stat
from journal.store_events import MAIN
from lakehouse.objects.damage import ObjectDamaged
from lakehouse.objects.stores.open_stores import DOWN_S, OpenStores
from projections import stores
from projections.stores import Copy

SUSPECT_S = 600.0
"""A copy whose bytes were wrong is read last for so long."""

log = structlog.get_logger()


class StoresBucket:
    """The port to a bucket, over the stores of a lake."""

    def __init__(self, opened: OpenStores) -> None:
        self.opened = opened
        self._main = opened.main
        self._suspects: dict[str, float] = {}

    @property
    def url(self) -> str:
        """The main store's."""
        return self._main.url

    @property
    def spool_dir(self) -> Path | None:
        """The main store's."""
        return self._main.spool_dir

    async def create(self, key: str, body: bytes) -> Created:
        """In the main store."""
        return await self._main.create(key, body)

    async def upload(self, key: str, source: Path | bytes) -> None:
        """Into the main store."""
        await self._main.upload(key, source)

    async def read(self, key: str) -> bytes:
        """As the port describes it; raises StoreUnavailable where no copy's store answers."""
        if key not in self.opened.now.copies:
            return await self._main.read(key)
        return b"".join([piece async for piece in self._streamed(key, 0, None)])

    def stream(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """As the port describes it; raises StoreUnavailable where no copy's store answers."""
        if key not in self.opened.now.copies:
            return self._main.stream(key, start, length)
        return self._streamed(key, start, length)

    async def stat(self, key: str) -> Stat:
        """As the port describes it; raises StoreUnavailable where no copy's store answers."""
        if key not in self.opened.now.copies:
            return await self._main.stat(key)
        failed: list[tuple[Copy, BucketError]] = []
        async for copy in self._tried(key, failed):
            try:
                found = await (await self.opened.at(copy.store)).stat(copy.key)
            except (BucketUnavailable, BucketRefused, ObjectMissing) as error:
                self._failed(copy, error, failed)
            else:
                return Stat(key, found.size_bytes, found.modified_at)
        raise _none_answers(key, failed)

    async def list_objects(self, prefix: str, after: str = "", limit: int = 1000) -> list[Stat]:
        """Of the main store."""
        return await self._main.list_objects(prefix, after, limit)

    async def delete_blobs(self, keys: Sequence[str]) -> list[str]:
        """From the main store."""
        return await self._main.delete_blobs(keys)

    async def abort_uploads(self, lake: str, begun_before: datetime) -> list[str]:
        """In the main store."""
        return await self._main.abort_uploads(lake, begun_before)

    async def is_shared(self) -> bool:
        """Of the main store."""
        return await self._main.is_shared()

    async def now(self) -> datetime:
        """By the main store's clock."""
        return await self._main.now()

    def local_file(self, key: str) -> LocalFile | None:
        """The file of the nearest copy; None if that is not in a directory, or not opened yet."""
        if key not in self.opened.now.copies:
            return self._main.local_file(key)
        nearest = self.order(key)[0]
        bucket = None if nearest.released else self.opened.find(nearest.store)
        return bucket.local_file(nearest.key) if bucket else None

    async def close(self) -> None:
        """Close the stores that were opened, not the main one."""
        await self.opened.close()

    def order(self, blob: str) -> tuple[Copy, ...]:
        """The places where a blob may be read, the nearest first; at least one."""
        copies = stores.readable(self.opened.now, blob)
        if all(copy.key != blob for copy in copies):
            # Of an exported lake the main store has all blobs, whatever its events say of copies.
            copies = (*copies, Copy(MAIN, blob, released=1))
        return tuple(sorted(copies, key=self._distance))

    def suspect(self, blob: str, copy: Copy, error: Exception) -> bool:
        """The bytes of this copy are wrong, or it cannot be read: whether another one is left to try."""
        if blob not in self.opened.now.copies or isinstance(error, StoreUnavailable):
            return False
        if not self._is_suspect(copy):
            log.error("copy_unreadable", store=copy.store, detail=str(error))
        last_s = SUSPECT_S if isinstance(error, ObjectDamaged) else DOWN_S
        self._suspects[copy.key] = self.opened.clock.monotonic() + last_s
        return not all(map(self._is_suspect, self.order(blob)))

    def _is_suspect(self, copy: Copy) -> bool:
        return self._suspects.get(copy.key, 0.0) > self.opened.clock.monotonic()

    def _distance(self, copy: Copy) -> tuple[bool, bool, bool, bool]:
        is_remote = self.opened.url(copy.store).startswith("s3://")
        bad = self._is_suspect(copy) or self.opened.is_down(copy.store)
        return bad, bool(copy.released), is_remote, copy.store != MAIN

    async def _streamed(self, key: str, start: int, length: int | None) -> AsyncIterator[bytes]:
        """The bytes; where one copy breaks off, the next one goes on."""
        failed: list[tuple[Copy, BucketError]] = []
        given = 0
        async for copy in self._tried(key, failed):
            left = None if length is None else length - given
            if left == 0:
                return
            try:
                bucket = await self.opened.at(copy.store)
                async for piece in bucket.stream(copy.key, start + given, left):
                    given += len(piece)
                    yield piece
            except (BucketUnavailable, BucketRefused, ObjectMissing) as error:
                self._failed(copy, error, failed)
            else:
                return
        raise _none_answers(key, failed)

    async def _tried(self, key: str, failed: list[tuple[Copy, BucketError]]) -> AsyncIterator[Copy]:
        """The copies to try, until the caller has what it wants.

        Where all are missing, they may have been moved meanwhile: the journal is read again, once.
        """
        for copy in self.order(key):
            yield copy
        if all(isinstance(error, ObjectMissing) for _, error in failed):
            await self.opened.refresh()
            tried = {(copy.store, copy.key) for copy, _ in failed}
            for copy in self.order(key):
                if (copy.store, copy.key) not in tried:
                    yield copy

    def _failed(
        self, copy: Copy, error: BucketError, failed: list[tuple[Copy, BucketError]]
    ) -> None:
        if not isinstance(error, ObjectMissing) and copy.store != MAIN:
            self.opened.note(copy.store, error)
        failed.append((copy, error))


def _none_answers(key: str, failed: list[tuple[Copy, BucketError]]) -> BucketError:
    """Missing where every store says so; else the stores that did not answer."""
    silent = [(c, error) for c, error in failed if not isinstance(error, ObjectMissing)]
    if not silent:
        return ObjectMissing(f"{key}: no store has a copy of it")
    named = ", ".join(dict.fromkeys(copy.store for copy, _ in silent))
    return StoreUnavailable(f"no copy of {key} can be read; not available: {named}")
