"""A bucket that counts what is asked of it, and objects in it whose bytes a test may change."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

from journal.block_hashes import BLOCK_BYTES, hashed
from journal.bucket.memory import MemoryBucket
from projections.inventory import Stored

LONG = 3 * BLOCK_BYTES + 1000


class CountingBucket(MemoryBucket):
    """Notes each range that is read; `paused` holds reads up, `error` is raised by them."""

    def __init__(self) -> None:
        super().__init__()
        self.ranges: list[tuple[str, int, int | None]] = []
        self.paused = asyncio.Event()
        self.paused.set()
        self.error: Exception | None = None

    async def stream(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        self.ranges.append((key, start, length))
        await self.paused.wait()
        if self.error is not None:
            raise self.error
        async for piece in super().stream(key, start, length):
            yield piece

    def alter(self, key: str, body: bytes) -> None:
        """Give an object other bytes, behind everybody's back."""
        self._objects[key] = (body, self._objects[key][1])


def body_of(size_bytes: int, seed: int = 0) -> bytes:
    return Random(f"{size_bytes}/{seed}").randbytes(size_bytes)


def version_of(body: bytes, name: str = "a", *, recorded: bool = True) -> Stored:
    """A version with these bytes; without `recorded` as an older release stored it."""
    done = hashed(body)
    blob = f"objects/{done.sha256}-0193aaaa-0-{name}"
    record = done.block_hashes if recorded else ""
    return Stored(name, blob, len(body), done.sha256, None, "text/plain", "", 1, record)


def flipped(body: bytes, at: int) -> bytes:
    changed = bytearray(body)
    changed[at] ^= 1
    return bytes(changed)
