"""The digests of an object's blocks: as recorded in the journal, or computed from the whole object.

An object that was stored without block hashes is hashed whole, once in each process. The hashes of its
blocks are used only if its SHA-256 matches the journal.
"""

import asyncio
from collections import OrderedDict
from concurrent.futures import Executor
from functools import partial

from journal.block_hashes import BLOCK_BYTES, BlockHasher, digests
from journal.bucket.port import Bucket
from journal.threads import in_thread
from lakehouse.objects.block_cache import BlockCache
from lakehouse.objects.damage import ObjectDamaged, size_fault
from projections.inventory import Stored

REMEMBERED = 262_144
"""So many computed digests are remembered: those of 256 GiB."""


class KnownDigests:
    """The digests of one bucket's objects. All calls from one event loop."""

    def __init__(self, bucket: Bucket, cache: BlockCache | None, pool: Executor | None) -> None:
        self._bucket = bucket
        self._cache = cache
        self._pool = pool
        self._computed: OrderedDict[str, tuple[bytes, ...]] = OrderedDict()
        self._computing: dict[str, asyncio.Task[tuple[bytes, ...]]] = {}

    async def of(self, version: Stored) -> tuple[bytes, ...]:
        """The digest of each block. Raises ObjectDamaged, BucketError."""
        recorded = self.recorded(version)
        if recorded is not None:
            return recorded
        blob = version.blob
        if blob in self._computed:
            return self._computed[blob]
        if blob not in self._computing:
            task = asyncio.create_task(self._compute(version))
            self._computing[blob] = task
            task.add_done_callback(lambda done: self._over(blob, done))
        return await asyncio.shield(self._computing[blob])

    def recorded(self, version: Stored) -> tuple[bytes, ...] | None:
        """The digests in the journal; None for an object that was stored without block hashes."""
        return digests(version.size_bytes, version.sha256, version.block_hashes)

    def drop(self, blobs: frozenset[str]) -> None:
        """Forget the computed digests of these blobs."""
        for blob in blobs:
            self._computed.pop(blob, None)

    def _over(self, blob: str, done: "asyncio.Task[tuple[bytes, ...]]") -> None:
        del self._computing[blob]
        if not done.cancelled():
            done.exception()  # marks it as retrieved: perhaps no caller waits any more

    async def _compute(self, version: Stored) -> tuple[bytes, ...]:
        hasher, gathered = BlockHasher(), bytearray()
        async for piece in self._bucket.stream(version.blob):
            gathered += piece
            if len(gathered) >= BLOCK_BYTES:
                await self._hash(version, hasher, bytes(gathered[:BLOCK_BYTES]))
                del gathered[:BLOCK_BYTES]
        if gathered:
            await self._hash(version, hasher, bytes(gathered))
        fault = size_fault(version.size_bytes, hasher.size_bytes)
        if fault or hasher.sha256 != version.sha256:
            raise ObjectDamaged(version.key, version.blob, fault or "its SHA-256 differs")
        found = digests(version.size_bytes, version.sha256, hasher.block_hashes)
        if found is None:
            raise TypeError("an object of several blocks has one hash")
        self._computed[version.blob] = found
        while sum(map(len, self._computed.values())) > REMEMBERED and len(self._computed) > 1:
            self._computed.popitem(last=False)
        return found

    async def _hash(self, version: Stored, hasher: BlockHasher, block: bytes) -> None:
        """Hash the next block; the cached block is not used until its digest is known."""
        index = hasher.size_bytes // BLOCK_BYTES
        if self._cache is not None and self._bucket.local_file(version.blob) is None:
            await in_thread(self._pool, partial(self._cache.put, version.blob, index, block))
        await in_thread(self._pool, partial(hasher.update, block))
