"""A bucket in this process's memory, for tests and embedded use. Must never outlive the process."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from journal.bucket.errors import BucketRefused, ObjectExists, ObjectMissing
from journal.bucket.keys import check_blobs, key_fault
from journal.bucket.port import Answer, Created, LocalFile, Stat

CHUNK_BYTES = 1 << 20


def system_clock() -> datetime:
    """The time of this machine, in UTC."""
    return datetime.now(UTC)


class MemoryBucket:
    """`memory://`: exists in this instance only. To share it, share the instance."""

    def __init__(self, clock: Callable[[], datetime] = system_clock) -> None:
        self._clock = clock
        self._objects: dict[str, tuple[bytes, datetime]] = {}

    @property
    def url(self) -> str:
        return "memory://"

    @property
    def spool_dir(self) -> Path | None:
        return None

    async def create(self, key: str, body: bytes) -> Created:
        if fault := key_fault(key):
            return Created(Answer.REFUSED, fault)
        if key in self._objects:
            return Created(Answer.EXISTS)
        self._objects[key] = (bytes(body), self._clock())
        return Created(Answer.CREATED)

    async def upload(self, key: str, source: Path | bytes) -> None:
        body = source if isinstance(source, bytes) else await asyncio.to_thread(source.read_bytes)
        created = await self.create(key, body)
        if created.answer is Answer.REFUSED:
            raise BucketRefused(f"{key}: {created.detail}")
        if created.answer is Answer.EXISTS and await self.read(key) != body:
            raise ObjectExists(f"{key}: another object has this key")

    async def read(self, key: str) -> bytes:
        return self._find(key)[0]

    async def stream(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        body = await self.read(key)
        end = len(body) if length is None else min(len(body), start + length)
        for at in range(start, end, CHUNK_BYTES):
            yield body[at : min(at + CHUNK_BYTES, end)]

    async def stat(self, key: str) -> Stat:
        body, modified_at = self._find(key)
        return Stat(key, len(body), modified_at)

    async def list_objects(self, prefix: str, after: str = "", limit: int = 1000) -> list[Stat]:
        # Strings sort by code point, which is the order of their UTF-8 bytes.
        keys = sorted(key for key in self._objects if key.startswith(prefix) and key > after)
        return [await self.stat(key) for key in keys[:limit]]

    async def delete_blobs(self, keys: Sequence[str]) -> list[str]:
        check_blobs(keys)
        for key in keys:
            self._objects.pop(key, None)
        return list(keys)

    async def abort_uploads(self, lake: str, begun_before: datetime) -> list[str]:
        """An upload is one step here."""
        return []

    async def is_shared(self) -> bool:
        """Always False: no other process can read this memory."""
        return False

    async def now(self) -> datetime:
        return self._clock()

    def local_file(self, key: str) -> LocalFile | None:
        return None

    async def close(self) -> None:
        """Keeps the objects, so that a test can open the same bucket again."""

    def _find(self, key: str) -> tuple[bytes, datetime]:
        if fault := key_fault(key):
            raise BucketRefused(fault)
        try:
            return self._objects[key]
        except KeyError:
            raise ObjectMissing(f"{key}: no such object") from None
