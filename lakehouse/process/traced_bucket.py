"""A bucket whose calls are spans of the request that makes them.

Owns nothing but the spans, which name the operation and never the key: a key may be a user's text.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path

from journal.bucket.port import Bucket, Created, LocalFile, Stat
from lakehouse.tracing import leaf_span


class TracedBucket:
    """`bucket` with a span around each call that waits for the store."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    @property
    def url(self) -> str:
        """As the port describes it."""
        return self._bucket.url

    @property
    def spool_dir(self) -> Path | None:
        """As the port describes it."""
        return self._bucket.spool_dir

    async def create(self, key: str, body: bytes) -> Created:
        """As the port describes it."""
        with leaf_span("store create", size_bytes=len(body)):
            return await self._bucket.create(key, body)

    async def upload(self, key: str, source: Path | bytes) -> None:
        """As the port describes it."""
        with leaf_span("store upload"):
            await self._bucket.upload(key, source)

    async def read(self, key: str) -> bytes:
        """As the port describes it."""
        with leaf_span("store read"):
            return await self._bucket.read(key)

    async def stream(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """As the port describes it."""
        with leaf_span("store stream"):
            async for piece in self._bucket.stream(key, start, length):
                yield piece

    async def stat(self, key: str) -> Stat:
        """As the port describes it."""
        with leaf_span("store stat"):
            return await self._bucket.stat(key)

    async def list_objects(self, prefix: str, after: str = "", limit: int = 1000) -> list[Stat]:
        """As the port describes it."""
        with leaf_span("store list"):
            return await self._bucket.list_objects(prefix, after, limit)

    async def delete_blobs(self, keys: Sequence[str]) -> list[str]:
        """As the port describes it."""
        with leaf_span("store delete", keys=len(keys)):
            return await self._bucket.delete_blobs(keys)

    async def abort_uploads(self, lake: str, begun_before: datetime) -> list[str]:
        """As the port describes it."""
        with leaf_span("store abort uploads"):
            return await self._bucket.abort_uploads(lake, begun_before)

    async def is_shared(self) -> bool:
        """As the port describes it."""
        return await self._bucket.is_shared()

    async def now(self) -> datetime:
        """As the port describes it."""
        with leaf_span("store clock"):
            return await self._bucket.now()

    def local_file(self, key: str) -> LocalFile | None:
        """As the port describes it."""
        return self._bucket.local_file(key)

    async def close(self) -> None:
        """As the port describes it."""
        await self._bucket.close()
