"""Verified blocks of a remote store's objects: from memory, the cache, or the store.

Concurrent callers share one lookup and one request for a block. Adjacent missing blocks are fetched in
one request, as is all of a small object. Must never return a block that was not compared with its
digest.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial

from journal.block_hashes import BLOCK_BYTES, block_size
from journal.bucket.errors import BucketUnavailable
from journal.bucket.port import Bucket
from journal.threads import in_thread
from lakehouse.objects.block_cache import BlockCache
from lakehouse.objects.damage import ObjectDamaged, block_fault
from lakehouse.objects.extents import Extent
from projections.inventory import Stored

RUN_BLOCKS = 4
"""One request fetches up to so many adjacent blocks; an object of no more is fetched whole."""
PARALLEL = 8
"""Requests for blocks in flight."""
INLINE_BYTES = 64 * 1024
"""Bytes up to this size are hashed in 40 µs, less than the cost of a thread."""
HELD_BLOCKS = 32
"""So many blocks that cannot be cached on disk are held in memory."""

Digests = tuple[bytes, ...]
Block = Extent | bytes
"""A verified block's extent, or its bytes if it could not be cached."""


class RemoteBlocks:
    """The blocks of one bucket's objects. All calls from one event loop."""

    def __init__(self, bucket: Bucket, cache: BlockCache | None, pool: Executor | None) -> None:
        self.fetched = 0
        """Blocks fetched from the store."""
        self._bucket = bucket
        self._cache = cache
        self._pool = pool
        self._gate = asyncio.Semaphore(PARALLEL)
        self._coming: dict[tuple[str, int], asyncio.Future[Block]] = {}
        self._held: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._fetches: set[asyncio.Task[None]] = set()
        self._upkeep: set[asyncio.Task[None]] = set()

    async def find(self, version: Stored, known: Digests, blocks: range) -> dict[int, Block]:
        """These blocks of a version, whose digests are `known`, by their numbers.

        Of a small object also the others, if they are sound: all its blocks come together.
        Raises ObjectDamaged, BucketError.
        """
        held = {
            index: self._held[version.blob, index]
            for index in blocks
            if (version.blob, index) in self._held
        }
        coming = self._begin(version, known, blocks) if len(held) < len(blocks) else {}
        found = {
            index: held[index] if index in held else await asyncio.shield(coming[index])
            for index in blocks
        }
        others = {index: future for index, future in coming.items() if index not in found}
        return found | {index: each.result() for index, each in others.items() if _is_sound(each)}

    def _begin(
        self, version: Stored, known: Digests, blocks: range
    ) -> dict[int, asyncio.Future[Block]]:
        """Start fetching these blocks, unless already started; for a small object, all its blocks."""
        coming: dict[int, asyncio.Future[Block]] = {}
        new: list[int] = []
        for index in range(len(known)) if len(known) <= RUN_BLOCKS else blocks:
            key = (version.blob, index)
            if key not in self._coming and key not in self._held:
                future: asyncio.Future[Block] = asyncio.get_running_loop().create_future()
                future.add_done_callback(_retrieved)
                self._coming[key] = future
                new.append(index)
            if key in self._coming:
                coming[index] = self._coming[key]
        if new:
            _start(self._fetches, self._bring(version, known, new))
        return coming

    async def body(self, version: Stored, known: Digests, index: int, block: Block) -> bytes:
        """The bytes of a block that `find` returned."""
        if isinstance(block, bytes):
            return block
        cache = self._cache
        body = await in_thread(self._pool, partial(cache.read, block)) if cache else None
        return body if body is not None else await self.fetch(version, known, index)

    async def fetch(self, version: Stored, known: Digests, index: int) -> bytes:
        """One block from the bucket itself, without caches. Raises as `find` does."""
        size_bytes = block_size(version.size_bytes, index)
        pieces = self._bucket.stream(version.blob, index * BLOCK_BYTES, size_bytes)
        body = b"".join([piece async for piece in pieces])
        if len(body) > INLINE_BYTES:
            await in_thread(self._pool, partial(_compare, version, known, index, body))
        else:
            _compare(version, known, index, body)
        return body

    def prefetch(self, version: Stored, known: Digests) -> None:
        """Start fetching an object's last block: a Parquet reader needs it first."""
        last = len(known) - 1
        self._begin(version, known, range(last, last + 1))

    def use(self, blobs: Iterable[str]) -> None:
        """Mark these blobs as just used: they are evicted last."""
        if self._cache is not None:
            self._background(partial(self._cache.touch, tuple(blobs)))

    def drop(self, blobs: frozenset[str]) -> None:
        """Forget these blobs, in memory and in the cache."""
        for key in [key for key in self._held if key[0] in blobs]:
            del self._held[key]
        if self._cache is not None:
            self._background(partial(self._cache.drop, blobs))

    async def close(self) -> None:
        """Cancel running requests, and finish the cache's work."""
        for task in self._fetches:
            task.cancel()
        await asyncio.gather(*self._fetches, *self._upkeep, return_exceptions=True)

    async def _bring(self, version: Stored, known: Digests, indices: Sequence[int]) -> None:
        """Settle the futures of these blocks, from the cache or the store."""
        missing: Sequence[int] = ()
        with self._failing(version, indices):
            missing = await self._not_cached(version, known, indices)
        await asyncio.gather(*(self._fetch_run(version, known, run) for run in _runs(missing)))

    async def _not_cached(
        self, version: Stored, known: Digests, indices: Sequence[int]
    ) -> Sequence[int]:
        """Settle the blocks that the cache has; return the others."""
        cache = self._cache
        if cache is None:
            return indices

        def look_up() -> list[Extent | None]:
            return [cache.find(version.blob, index, known[index]) for index in indices]

        pairs = list(zip(indices, await in_thread(self._pool, look_up), strict=True))
        for index, extent in pairs:
            if extent is not None:
                self._settle(version, index, extent)
        return [index for index, extent in pairs if extent is None]

    async def _fetch_run(self, version: Stored, known: Digests, run: range) -> None:
        """Fetch adjacent blocks in one request."""
        start = run.start * BLOCK_BYTES
        stop = min(run.stop * BLOCK_BYTES, version.size_bytes)
        sizes = [block_size(version.size_bytes, index) for index in run]
        with self._failing(version, run):
            async with self._gate:
                pieces = self._bucket.stream(version.blob, start, stop - start)
                index = run.start
                async for body in _cut(pieces, sizes):
                    await self._take(version, known, index, body)
                    index += 1

    @contextmanager
    def _failing(self, version: Stored, indices: Sequence[int]) -> Iterator[None]:
        """Pass an exception to all callers that wait for these blocks; a later call tries again."""
        try:
            yield
        except (Exception, asyncio.CancelledError) as error:
            stopped = BucketUnavailable(f"{version.blob}: the server stops")
            for index in indices:
                future = self._coming.pop((version.blob, index), None)
                if future is not None and not future.done():
                    future.set_exception(error if isinstance(error, Exception) else stopped)
            if not isinstance(error, Exception):
                raise

    async def _take(self, version: Stored, known: Digests, index: int, body: bytes) -> None:
        self.fetched += 1
        with self._failing(version, (index,)):
            await self._keep(version, known, index, body)

    async def _keep(self, version: Stored, known: Digests, index: int, body: bytes) -> None:
        block = await in_thread(self._pool, partial(self._stored, version, known, index, body))
        if isinstance(block, bytes):
            self._held[version.blob, index] = block
            while len(self._held) > HELD_BLOCKS:
                self._held.popitem(last=False)
        self._settle(version, index, block)

    def _stored(self, version: Stored, known: Digests, index: int, body: bytes) -> Block:
        _compare(version, known, index, body)
        extent = self._cache.store(version.blob, index, body) if self._cache else None
        return body if extent is None else extent

    def _settle(self, version: Stored, index: int, block: Block) -> None:
        future = self._coming.pop((version.blob, index), None)
        if future is not None and not future.done():
            future.set_result(block)

    def _background(self, work: Callable[[], None]) -> None:
        _start(self._upkeep, in_thread(self._pool, work))


def _start(among: set[asyncio.Task[None]], work: Coroutine[None, None, None]) -> None:
    task = asyncio.create_task(work)
    among.add(task)
    task.add_done_callback(among.discard)


def _runs(indices: Sequence[int]) -> Iterator[range]:
    """Ascending indices as runs of at most RUN_BLOCKS adjacent ones."""
    run = range(0)
    for index in indices:
        if run and index == run.stop and len(run) < RUN_BLOCKS:
            run = range(run.start, index + 1)
        else:
            if run:
                yield run
            run = range(index, index + 1)
    if run:
        yield run


async def _cut(pieces: AsyncIterator[bytes], sizes: Iterable[int]) -> AsyncIterator[bytes]:
    """The bytes in parts of these sizes, each copied once; a last shorter part where bytes are missing."""
    wanted = iter(sizes)
    size_bytes = next(wanted, None)
    held: list[memoryview] = []
    held_bytes = 0
    async for piece in pieces:
        rest = memoryview(piece)
        while size_bytes is not None and len(rest) >= size_bytes - held_bytes:
            part = size_bytes - held_bytes
            yield b"".join((*held, rest[:part]))
            rest, held, held_bytes = rest[part:], [], 0
            size_bytes = next(wanted, None)
        if size_bytes is not None and rest:
            held.append(rest)
            held_bytes += len(rest)
    if size_bytes is not None:
        yield b"".join(held)


def _compare(version: Stored, known: Digests, index: int, body: bytes) -> None:
    if hashlib.sha256(body).digest() != known[index]:
        raise ObjectDamaged(version.key, version.blob, block_fault(version.size_bytes, index))


def _is_sound(done: "asyncio.Future[Block]") -> bool:
    return done.done() and not done.cancelled() and done.exception() is None


def _retrieved(done: "asyncio.Future[Block]") -> None:
    """Mark the exception as retrieved: perhaps no caller waits any more."""
    if not done.cancelled():
        done.exception()
