"""Reads objects in blocks, each compared with the journal's hashes before use.

Combines the parts of this package: digests, local blocks, remote blocks. A local bucket's blocks are
read from its files, others through the cache. Must never return a byte that was not verified.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from operator import itemgetter
from typing import TypeVar

from journal.block_hashes import BLOCK_BYTES
from journal.bucket.errors import BucketError
from journal.bucket.port import Bucket
from journal.threads import in_thread
from lakehouse.objects.block_cache import BlockCache
from lakehouse.objects.damage import ObjectDamaged, size_fault
from lakehouse.objects.extents import BlocksReady, BlocksWanted, BytesReady, Extent
from lakehouse.objects.known_digests import KnownDigests
from lakehouse.objects.local_blocks import LocalBlocks
from lakehouse.objects.remote_blocks import Digests, RemoteBlocks
from lakehouse.objects.stores.bucket import StoresBucket
from projections.inventory import Stored

PREFETCHED = 100_000
"""So many objects whose ends were fetched are remembered."""
T = TypeVar("T")
AHEAD = 4
"""How many blocks are read ahead when an object is streamed."""


class ObjectReader:
    """The verified objects of one bucket. All calls from one event loop."""

    def __init__(
        self,
        bucket: Bucket,
        cache: BlockCache | None = None,
        pool: Executor | None = None,
        stores: StoresBucket | None = None,
    ) -> None:
        """`stores`: what `bucket` reads from, where an object may have several copies."""
        self.damaged = 0
        """How often bytes did not match the journal."""
        self.cache = cache
        self.remote = RemoteBlocks(bucket, cache, pool)
        self._bucket = bucket
        self._pool = pool
        self._stores = stores
        self._digests = KnownDigests(bucket, cache, pool)
        self._local = LocalBlocks()
        self._prefetched: OrderedDict[str, None] = OrderedDict()

    async def extents(self, version: Stored, start: int, stop: int) -> tuple[Extent, ...] | bytes:
        """The verified extents of bytes `start` to `stop`; the bytes themselves if not all are in files.

        Of a remote store's small object also the extents of its other blocks, if they are verified.
        Raises ObjectDamaged, BucketError.
        """
        return await self._of_any_copy(version, lambda: self._extents(version, start, stop))

    async def file(self, version: Stored) -> Extent | None:
        """The file of an object in a directory, all of it verified; None of one in another store.

        What is read from it counts only while its identity is the extent's. Raises as `extents` does.
        """
        if not self._is_local(version):
            return None
        found = await self._of_any_copy(
            version, lambda: self._extents(version, 0, version.size_bytes)
        )
        is_file = len(found) == 1 and self._is_local(version)
        return found[0] if is_file and isinstance(found[0], Extent) else None

    async def answer(self, version: Stored, wanted: BlocksWanted) -> BlocksReady | BytesReady:
        """The answer to a worker's request. Raises as `extents` does."""
        found: tuple[Extent, ...] | bytes
        if wanted.inline:
            found = await self.read(version, wanted.start, wanted.stop - wanted.start)
        else:
            found = await self.extents(version, wanted.start, wanted.stop)
        if isinstance(found, bytes):
            return BytesReady(wanted.number, found)
        return BlocksReady(wanted.number, found)

    async def read(self, version: Stored, start: int = 0, length: int | None = None) -> bytes:
        """Bytes of a version, at most to its end. Raises ObjectDamaged, BucketError."""
        return b"".join([piece async for piece in self.stream(version, start, length)])

    async def stream(
        self, version: Stored, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """`length` bytes of a version from `start` (None: to the end), each verified before it comes.

        Blocks are read ahead. Raises ObjectDamaged, before the first piece for another size, and
        BucketError.
        """
        stop = version.size_bytes if length is None else min(start + length, version.size_bytes)
        blocks = _blocks(start, stop)
        known = await self._of_any_copy(version, lambda: self._digests.of(version))
        if len(blocks) != 1:  # one block proves itself
            await self._of_any_copy(version, lambda: self._check_size(version))
        ahead: deque[asyncio.Task[bytes]] = deque()
        try:
            for index in blocks:
                while len(ahead) < AHEAD and index + len(ahead) in blocks:
                    body = self._body(version, known, index + len(ahead))
                    ahead.append(asyncio.create_task(body))
                begin = index * BLOCK_BYTES
                yield (await ahead.popleft())[max(start - begin, 0) : stop - begin]
        finally:
            for task in ahead:
                task.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)

    def prefetch(self, versions: Iterable[Stored]) -> None:
        """Fetch the ends of these remote objects at once: a query is about to open them.

        Each object's only once in this process; what fails then is read again when it is wanted.
        """
        for version in versions:
            if version.blob in self._prefetched or self._is_local(version):
                continue
            self._prefetched[version.blob] = None
            if len(self._prefetched) > PREFETCHED:
                self._prefetched.popitem(last=False)
            known = self._digests.recorded(version)
            if known is not None:
                self.remote.prefetch(version, known)

    def use(self, blobs: Iterable[str]) -> None:
        """Mark these blobs as just used: they are evicted last."""
        self.remote.use(blobs)

    def drop(self, blobs: Iterable[str]) -> None:
        """Forget these blobs, which gc has deleted."""
        dropped = frozenset(blobs)
        self.remote.drop(dropped)
        self._digests.drop(dropped)
        self._local.drop(dropped)

    def sweep(self, held: Container[str]) -> None:
        """Forget what is known of blobs that no dataset holds, if that is much: it can be found again."""
        self._local.sweep(held)

    async def close(self) -> None:
        """Cancel all running reads."""
        await self.remote.close()

    async def _extents(self, version: Stored, start: int, stop: int) -> tuple[Extent, ...] | bytes:
        blocks = _blocks(start, min(stop, version.size_bytes))
        known = await self._digests.of(version)
        file = self._bucket.local_file(version.blob)
        if file is not None:
            verify = partial(self._local.verify, version, known, blocks, file)
            return (await in_thread(self._pool, verify),)
        found = await self.remote.find(version, known, blocks)
        if all(isinstance(found[index], Extent) for index in blocks):
            ordered = (block for _, block in sorted(found.items(), key=itemgetter(0)))
            return tuple(block for block in ordered if isinstance(block, Extent))
        bodies = (self.remote.body(version, known, index, found[index]) for index in blocks)
        begin = blocks.start * BLOCK_BYTES
        return b"".join(await asyncio.gather(*bodies))[start - begin : stop - begin]

    async def _body(self, version: Stored, known: Digests, index: int) -> bytes:
        """One block's bytes, hashed as they are: what is sent is what was verified."""
        return await self._of_any_copy(version, lambda: self._block(version, known, index))

    async def _block(self, version: Stored, known: Digests, index: int) -> bytes:
        if self._is_local(version):
            return await self.remote.fetch(version, known, index)
        found = await self.remote.find(version, known, range(index, index + 1))
        return await self.remote.body(version, known, index, found[index])

    async def _check_size(self, version: Stored) -> None:
        size_bytes = (await self._bucket.stat(version.blob)).size_bytes
        if fault := size_fault(version.size_bytes, size_bytes):
            raise ObjectDamaged(version.key, version.blob, fault)

    def _is_local(self, version: Stored) -> bool:
        return self._bucket.local_file(version.blob) is not None

    async def _of_any_copy(self, version: Stored, read: Callable[[], Awaitable[T]]) -> T:
        """What `read` returns; where a copy has other bytes, or its file cannot be read, of the next one."""
        while True:
            nearest = self._stores.order(version.blob)[0] if self._stores else None
            try:
                with self._counting():
                    return await read()
            except (ObjectDamaged, BucketError) as error:
                if self._stores is None or nearest is None:
                    raise
                if not self._stores.suspect(version.blob, nearest, error):
                    raise

    @contextmanager
    def _counting(self) -> Iterator[None]:
        try:
            yield
        except ObjectDamaged:
            self.damaged += 1
            raise


def _blocks(start: int, stop: int) -> range:
    """The blocks that hold bytes `start` to `stop`."""
    return range(start // BLOCK_BYTES, -(-stop // BLOCK_BYTES)) if start < stop else range(0)
