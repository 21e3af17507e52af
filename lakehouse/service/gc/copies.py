"""The removal of copies: of what is collected in every store, of what is released, and of strays.

Must never record a blob as collected before every store with a copy of it has answered, nor delete a key
that the journal does not say may go. A store that does not answer keeps what it has until a later run.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice

from journal.bucket.errors import BucketError
from journal.bucket.keys import BLOBS, MAX_DELETED, blob_tag
from journal.bucket.port import Stat
from journal.store_events import MAIN
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Command
from lakehouse.domain.stores.commands import RecordCopiesCollected, ReleaseCopies
from lakehouse.objects.stores.open_stores import OpenStores
from lakehouse.service.gc.listing import GRACE, GcScope
from projections import stores

PAGE = 1_000
Submit = Callable[[Command], Awaitable[None]]
"""Commits a command of the run."""


class CopyCollector:
    """The copies of one node's objects."""

    def __init__(self, node: Node, opened: OpenStores) -> None:
        self._node = node
        self._opened = opened
        self.silent = set[str]()
        """The stores that did not answer in this run."""

    async def release_strays(self, plan: GcScope, submit: Submit) -> None:
        """Release the keys in the stores that no event has named and that are old enough.

        Those with the bytes of a marked blob, perhaps erased ones, need no age. A key that was collected
        and is there again is deleted again.
        """
        self.silent.clear()
        for store in sorted(self._node.state.stores.stores):
            try:
                await self._release_strays(store, plan, submit)
            except BucketError as error:
                self._note(store, error)

    async def delete_blobs(self, blobs: Iterable[str]) -> list[str]:
        """Delete marked blobs, up to 1,000, in every store; those of which no copy is left."""
        now = self._node.state.stores
        places: dict[str, dict[str, str]] = defaultdict(dict)
        for blob in blobs:
            places[MAIN][blob] = blob
            for copy in stores.copies_of(now, blob):
                places[copy.store][copy.key] = blob
        left = set[str]()
        for store, keys in places.items():
            deleted = set(await self._deleted(store, list(keys)))
            left |= {blob for key, blob in keys.items() if key not in deleted}
        return [blob for blob in blobs if blob not in left]

    async def delete_released(
        self, run: str, released: Iterable[tuple[str, str, int]], submit: Submit
    ) -> int:
        """Delete these released copies, and record it; how many were deleted."""
        due: dict[str, list[str]] = defaultdict(list)
        for store, key, _ in released:
            due[store].append(key)
        count = 0
        for store, keys in due.items():
            for some in _thousands(sorted(keys)):
                deleted = await self._deleted(store, some)
                if deleted:
                    await submit(RecordCopiesCollected(store, run, tuple(deleted)))
                count += len(deleted)
        return count

    async def _release_strays(self, store: str, plan: GcScope, submit: Submit) -> None:
        bucket = await self._opened.at(store)
        old_before = await bucket.now() - GRACE
        await bucket.abort_uploads(plan.lake, old_before)
        now = self._node.state
        marked = {
            stored.sha256
            for blob in now.inventory.marked
            if (stored := now.inventory.blobs.get(blob)) is not None
        }
        found: list[str] = []
        async for stat in self._listed(store):
            if self._is_stray(stat, store, plan, old_before, marked):
                found.append(stat.key)
        for some in _thousands(found):
            again = [key for key in some if key in now.inventory.gone]
            if again:
                await self._deleted(store, again)
            fresh = tuple(key for key in some if key not in now.inventory.gone)
            if fresh:
                await submit(ReleaseCopies(store, plan.run, fresh))

    def _is_stray(
        self, stat: Stat, store: str, plan: GcScope, old_before: datetime, marked: set[str]
    ) -> bool:
        tag, now = blob_tag(stat.key), self._node.state
        if tag is None or tag.lake != plan.lake or tag.mint_seq > now.head.seq:
            return False  # another lake's, or of a later event than this journal has
        if stores.blob_at(now.stores, stat.key) is not None or stat.key in now.stores.strays:
            return False
        if stat.key in now.inventory.gone:
            return True
        return stat.modified_at < old_before or _sha256_in(stat.key) in marked

    async def _listed(self, store: str) -> AsyncIterator[Stat]:
        bucket = await self._opened.at(store)
        for prefix in BLOBS:
            page = await bucket.list_objects(prefix, limit=PAGE)
            while page:
                for stat in page:
                    yield stat
                full = len(page) == PAGE
                page = await bucket.list_objects(prefix, page[-1].key) if full else []

    async def _deleted(self, store: str, keys: list[str]) -> list[str]:
        """Those that the store answered deleted; none where it does not answer."""
        deleted: list[str] = []
        try:
            bucket = await self._opened.at(store)
            for some in _thousands(keys):
                deleted += await bucket.delete_blobs(some)
        except BucketError as error:
            if store == MAIN:
                raise
            self._note(store, error)
        return deleted

    def _note(self, store: str, error: BucketError) -> None:
        self._opened.note(store, error)
        self.silent.add(store)


def _sha256_in(key: str) -> str:
    return key.rpartition("/")[2].partition("-")[0]


def _thousands(keys: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(keys)
    while some := list(islice(rest, MAX_DELETED)):
        yield some
