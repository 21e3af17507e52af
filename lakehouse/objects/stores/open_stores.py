"""The stores of one process: opened when they are first needed, closed with it.

Owns the buckets of all stores but the main one. Must never use a place that does not have the store's mark:
the disk may not be mounted, or the lake may be an exported one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import structlog

from journal.bucket.errors import BucketError, BucketUnavailable
from journal.bucket.port import Bucket
from journal.bucket.s3.settings import S3Settings
from journal.clock import Clock
from journal.store_events import MAIN
from lakehouse.objects.stores.marker import main_mark, read_mark
from projections import stores
from projections.stores import Store, Stores

DOWN_S = 5.0
"""A store that did not answer is tried last for so long, and not opened again."""


class StoreAccess(Protocol):
    """How a process reaches the place of a store: with the credentials of this name, or its own."""

    async def open(
        self, url: str, credentials: str | None, *, create: bool = False
    ) -> tuple[Bucket, S3Settings | None]:
        """The bucket at a URL. Without `create` no directory is made. Raises BucketError."""
        ...

    def place(self, url: str, credentials: str | None) -> str:
        """A text that ends in a slash, by which places are compared. Raises BucketError."""
        ...


log = structlog.get_logger()


class OpenStores:
    """The main bucket and those of the stores that the present state has. One event loop."""

    def __init__(self, main: Bucket, access: StoreAccess, clock: Clock) -> None:
        self.main = main
        self.access = access
        self.clock = clock
        self.refresh: Callable[[], Awaitable[None]] = _nothing
        """Reads the journal to its end."""
        self._lake = ""
        self._present: Callable[[], Stores] = lambda: stores.EMPTY
        self._open: dict[str, tuple[Store, Bucket]] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._down: dict[str, tuple[float, str]] = {}

    def follow(
        self,
        lake: str,
        present: Callable[[], Stores],
        refresh: "Callable[[], Awaitable[None]] | None" = None,
    ) -> None:
        """Use the stores of this lake as they are now."""
        self._lake, self._present = lake, present
        self.refresh = refresh or self.refresh

    @property
    def now(self) -> Stores:
        """The stores and copies of the present state."""
        return self._present()

    def find(self, store: str) -> Bucket | None:
        """The bucket of a store that is open. Sends no request."""
        if store == MAIN:
            return self.main
        opened = self._open.get(store)
        return opened[1] if opened and opened[0] == self.now.stores.get(store) else None

    @property
    def spool_dirs(self) -> tuple[Path, ...]:
        """Where objects on their way into open stores in directories lie."""
        buckets = (self.main, *(bucket for _, bucket in self._open.values()))
        return tuple(each.spool_dir for each in buckets if each.spool_dir is not None)

    def url(self, store: str) -> str:
        """The URL of a store; empty for an unknown one."""
        if store == MAIN:
            return self.main.url
        found = self.now.stores.get(store)
        return found.url if found else ""

    async def at(self, store: str) -> Bucket:
        """The bucket of a store. Raises BucketError."""
        found = self.find(store)
        if found is not None:
            return found
        async with self._opening.setdefault(store, asyncio.Lock()):
            return self.find(store) or await self._opened(store)

    def is_down(self, store: str) -> bool:
        """Whether the store failed a moment ago."""
        failed = self._down.get(store)
        return failed is not None and failed[0] > self.clock.monotonic()

    def note(self, store: str, error: Exception) -> None:
        """The store has just failed."""
        if not self.is_down(store):
            log.warning("store_unavailable", store=store, detail=str(error))
        self._down[store] = (self.clock.monotonic() + DOWN_S, str(error))

    async def close(self) -> None:
        """Close the buckets that were opened here; the main one is not."""
        opened, self._open = self._open, {}
        for _, bucket in opened.values():
            await bucket.close()

    async def _opened(self, store: str) -> Bucket:
        defined = self.now.stores.get(store)
        if defined is None:
            raise BucketUnavailable(f"{store}: there is no such store")
        if self.is_down(store):
            raise BucketUnavailable(self._down[store][1])
        try:
            bucket, _ = await self.access.open(defined.url, defined.credentials)
        except BucketError as error:
            self.note(store, error)
            raise
        try:
            await self._check(store, bucket)
        except BaseException as error:
            if isinstance(error, BucketError):
                self.note(store, error)
            await bucket.close()
            raise
        before = self._open.pop(store, None)
        self._open[store] = (defined, bucket)
        if before is not None:
            await before[1].close()
        return bucket

    async def _check(self, store: str, bucket: Bucket) -> None:
        """Raises BucketUnavailable for a place without the store's mark."""
        mark, main = await read_mark(bucket, self._lake), await main_mark(self.main, self._lake)
        if mark is None:
            raise BucketUnavailable(f"{store}: its place has no mark of this lake; is it mounted?")
        if mark.store != store or main is None or mark.main != main.main:
            raise BucketUnavailable(f"{store}: its place belongs to another store or lake")


class _NoAccess:
    async def open(
        self, url: str, credentials: str | None, *, create: bool = False
    ) -> tuple[Bucket, S3Settings | None]:
        raise BucketUnavailable(f"{url}: this process has no access to stores")

    def place(self, url: str, credentials: str | None) -> str:
        raise BucketUnavailable(f"{url}: this process has no access to stores")


def main_alone(main: Bucket, clock: Clock) -> OpenStores:
    """The main store, without a way to others."""
    return OpenStores(main, _NoAccess(), clock)


async def _nothing() -> None:
    """There is no journal to read."""
