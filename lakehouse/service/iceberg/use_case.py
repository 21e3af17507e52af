"""The Iceberg catalog as use cases: warehouses, tables, and the metadata of one table.

Derived objects are written before the metadata that names them is answered, each once, by whichever
process gets there. Must never change the lake.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from datetime import datetime

import msgspec
import pyarrow as pa

from journal.bucket.errors import ObjectMissing
from journal.bucket.port import Bucket, Stat
from journal.events import Object
from lakehouse.commit.node import Node
from lakehouse.domain.access.rights import WRITE
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.iceberg.metadata import (
    PREFIX,
    STAGING,
    Deriver,
    Document,
    directory,
    staging_directory,
)
from lakehouse.iceberg.table import File, Version, object_url, table_uuid, timestamp_ms
from lakehouse.iceberg.types import Unreadable
from lakehouse.service import snapshot
from lakehouse.service.access.permissions import permissions
from lakehouse.service.caller import Caller
from lakehouse.service.iceberg.life import Content, Step, contents, steps
from lakehouse.service.iceberg.schemas import Shapes, Stored
from lakehouse.service.iceberg.vending import NO_VENDING, Vending
from lakehouse.service.objects import VerifiedObjects
from projections import catalog, inventory, stores
from projections.catalog import Dataset
from projections.fold import State

REMEMBERED_TABLES = 256
PAGE = 1_000
FEW = 16
"""Events whose versions are derived without a listing, which has a page for every 1,000 objects."""
BATCH = 256
"""Derived objects that are written together."""
UPLOADS = 64
"""Derived objects that are written at a time."""
PRESENT = None
"""The warehouse `lake`: the lake as it is now; any other is the seq of its event."""

Warehouse = int | None
_Key = tuple[Warehouse, str]
_Standing = tuple[int, int, int, int]


class _Known(msgspec.Struct):
    """A table that was derived, up to an event; `standing` changes when earlier versions do.

    `objects` are of the last version that can be read: most versions only add to them.
    """

    standing: _Standing
    deriver: Deriver
    shapes: Shapes
    dataset: Dataset
    objects: tuple[Object, ...] = ()
    fault: Unreadable | None = None
    document: Document | None = None


class IcebergCatalog:
    """The datasets of one node as Iceberg tables."""

    def __init__(
        self,
        node: Node,
        objects: VerifiedObjects,
        vending: Vending = NO_VENDING,
        *,
        writes: bool = False,
    ) -> None:
        """`writes`: whether clients may append."""
        self._writes = writes
        self._node = node
        self._vending = vending
        self._stored = Stored(objects)
        self._known: OrderedDict[_Key, _Known] = OrderedDict()
        self._loading: dict[_Key, asyncio.Lock] = {}

    async def warehouse(self, caller: Caller, named: str | None) -> Warehouse:
        """What a client's `warehouse` means. Raises RefusedError `invalid_request`."""
        if named in (None, "", "lake"):
            return PRESENT
        moment = named.removeprefix("at:") if named and named.startswith("at:") else None
        if moment is None:
            detail = f"there is no warehouse {(named or '')[:64]!r}: lake, or at:<seq or time>"
            raise RefusedError(Refused("invalid_request", detail))
        return (await snapshot.state_as_of(self._node, moment)).head.seq

    async def tables(self, caller: Caller, warehouse: Warehouse) -> list[str]:
        """The names of the datasets that the caller may read, in order."""
        state = await self._state(warehouse)
        held = permissions(self._node, caller)
        names = (each.name for each in state.catalog.datasets.values())
        return sorted(name for name in names if held.sees(name))

    async def has(self, caller: Caller, warehouse: Warehouse, name: str) -> bool:
        """Whether the caller may read a dataset of exactly this name."""
        state = await self._state(warehouse)
        found = catalog.find(state.catalog, name)
        sees = permissions(self._node, caller).sees(name)
        return found is not None and found.name == name and sees

    async def load(self, caller: Caller, warehouse: Warehouse, name: str) -> Document:
        """The metadata of a table; all that it names is in the bucket.

        Raises RefusedError: `dataset_not_found`, `table_unreadable`, `objects_collected`.
        """
        if not await self.has(caller, warehouse, name):
            raise RefusedError(Refused("dataset_not_found", f"there is no dataset {name}"))
        key = (warehouse, name)
        async with self._lock(key):
            return await self._loaded(key, await self._state(warehouse))

    async def schema(self, caller: Caller, name: str) -> pa.Schema:
        """The columns of a table now. Raises RefusedError as `load` does."""
        await self.load(caller, PRESENT, name)
        return self._known[PRESENT, name].deriver.newest

    async def client_settings(
        self, caller: Caller, warehouse: Warehouse, document: Document, name: str
    ) -> dict[str, str]:
        """What a client needs to read the objects of a table, besides their URLs, and to stage appends.

        Raises BucketError.
        """
        held = permissions(self._node, caller)
        writes = self._writes and warehouse is PRESENT and held.may_change(WRITE, name)
        staging = staging_directory(document.json["table-uuid"]) if writes else None
        return await self._vending.config(held, staging)

    async def _state(self, warehouse: Warehouse) -> State:
        return await snapshot.state_as_of(self._node, warehouse)

    def _lock(self, key: _Key) -> asyncio.Lock:
        """One load of a table at a time."""
        if len(self._loading) > REMEMBERED_TABLES:
            self._loading = {each: lock for each, lock in self._loading.items() if lock.locked()}
        return self._loading.setdefault(key, asyncio.Lock())

    async def _loaded(self, key: _Key, state: State) -> Document:
        known = await self._current(key, state)
        while known.standing != self._standing():
            # Gc marked objects meanwhile. From an answer on, it waits for those who read by it.
            known = await self._current(key, state)
        if known.fault is not None:
            raise RefusedError(Refused("table_unreadable", known.fault.of_table(key[1])))
        if known.document is None:
            raise RefusedError(self._collected(known.dataset))
        return known.document

    async def _current(self, key: _Key, state: State) -> _Known:
        """The table with all its versions in `state`, derived and written."""
        known = self._known.pop(key, None)
        if known is not None and not await self._holds(known):
            known = None
        name, after = key[1], known.dataset.seq if known else 0
        found, begun = await steps(self._node, state, name, after)
        if known is None or begun:
            known = self._new(snapshot.dataset_in(state, name), found[0][1].seq)
            await self._derive(known, name, found, None)
        elif found:
            await self._derive(known, name, found, known.dataset)
        self._known[key] = known
        while len(self._known) > REMEMBERED_TABLES:
            self._known.popitem(last=False)
        return known

    async def _holds(self, known: _Known) -> bool:
        """Whether the derived objects still match the versions, and are still in the bucket."""
        if known.standing != self._standing():
            return False
        if known.document is None:
            return True
        root = self._node.bucket.url.rstrip("/") + "/"
        try:
            await self._node.bucket.stat(known.document.url.removeprefix(root))
        except ObjectMissing:
            return False
        return True

    def _new(self, dataset: Dataset, first_seq: int) -> _Known:
        deriver = Deriver(table_uuid(dataset.dataset_id, first_seq), self._node.bucket.url)
        return _Known(self._standing(), deriver, Shapes(self._stored), dataset)

    async def dead(self, before: datetime) -> AsyncIterator[Stat]:
        """The derived objects, not written since `before`, that no present table needs, and what
        engines staged. Those of a dropped dataset are kept or deleted together: a reader of the
        past may have written some again.
        """
        found: dict[str, list[Stat]] = {}
        async for stat in listed(self._node.bucket, PREFIX):
            if stat.key.startswith(STAGING):
                if stat.modified_at < before:
                    yield stat
                continue
            found.setdefault(stat.key.rpartition("/")[0] + "/", []).append(stat)
        needed = await self._needed(frozenset(found)) if found else {}
        for prefix, stats in found.items():
            if prefix not in needed and any(each.modified_at >= before for each in stats):
                continue
            for each in stats:
                if each.modified_at < before and each.key not in needed.get(prefix, ()):
                    yield each

    async def _needed(self, prefixes: frozenset[str]) -> dict[str, set[str]]:
        """The keys of the tables of now that have a prefix among these, derived without writing."""
        found: dict[str, set[str]] = {}
        state = self._node.state
        for dataset in state.catalog.datasets.values():
            events, _ = await steps(self._node, state, dataset.name, 0)
            known = self._new(dataset, events[0][1].seq)
            if (prefix := directory(known.deriver.uuid)) not in prefixes:
                continue
            keys = found[prefix] = set()
            async for objects in self._objects_of(known, dataset.name, events, None):
                keys.update(objects)
        return found

    async def _derive(
        self, known: _Known, name: str, found: list[Step], before: Dataset | None
    ) -> None:
        """Derive the versions that events made, and write what they need.

        For a few versions it is not listed what others have written: the same bytes can be written again.
        """
        present: set[str] | None = set() if before is not None and len(found) <= FEW else None
        waiting: dict[str, bytes] = {}
        async for objects in self._objects_of(known, name, found, before):
            waiting |= objects
            if len(waiting) >= BATCH:
                present = await self._upload(known, waiting, present)
                waiting = {}
        await self._upload(known, waiting, present)

    async def _objects_of(
        self, known: _Known, name: str, found: list[Step], before: Dataset | None
    ) -> AsyncIterator[dict[str, bytes]]:
        """The objects of the versions that events made, version after version; the document last."""
        async for content in contents(self._node, name, found, before):
            last, known.dataset = known.dataset, content.dataset
            known.fault = await self._add(known, content, last)
            known.document = None
            yield known.deriver.take()
        lost = self._is_lost(known.dataset.objects)
        if known.document is None and known.fault is None and not lost:
            known.document = known.deriver.document()
            yield known.deriver.take()

    async def _add(self, known: _Known, content: Content, last: Dataset) -> Unreadable | None:
        """Add a version; one that cannot be read leaves the table, with the reason.

        `last`: the content before. An append to it adds objects without a comparison of all of them.
        """
        dataset, before = content.dataset, len(known.objects)
        adds = content.appends and last.objects is known.objects
        adds = adds or dataset.objects[:before] == known.objects
        new = dataset.objects[before:] if adds else dataset.objects
        if self._is_lost(new):
            known.deriver.leave_out()
            return None
        try:
            schema, rows = await known.shapes.columns(dataset, new, content.written)
            files = tuple(self._file(item, rows) for item in new)
            stamp = timestamp_ms(content.at)
            known.deriver.add(Version(content.seq, stamp, schema, files, appends=adds))
        except Unreadable as error:
            known.deriver.leave_out()
            return error
        except pa.ArrowInvalid:
            known.deriver.leave_out()
            return Unreadable("*", "an object is no Parquet file")
        known.objects = dataset.objects
        return None

    def _file(self, item: Object, rows: Mapping[str, int]) -> File:
        count = rows[item.blob] if item.row_count is None else item.row_count
        # The oldest copy that is read: it stays the same until it is released.
        now = self._node.state.stores
        copy = stores.readable(now, item.blob)[0]
        store = now.stores.get(copy.store)
        url = store.url if store else self._node.bucket.url
        return File(object_url(url, copy.key), count, item.size_bytes)

    async def _upload(
        self, known: _Known, objects: dict[str, bytes], present: set[str] | None
    ) -> set[str]:
        """Write those of the objects that are not `present`; None: list what is. Then what is there."""
        if present is None:
            prefix = directory(known.deriver.uuid)
            present = {each.key async for each in listed(self._node.bucket, prefix)}
        gate = asyncio.Semaphore(UPLOADS)

        async def upload(key: str, body: bytes) -> None:
            async with gate:
                await self._node.bucket.upload(key, body)

        missing = {key: body for key, body in objects.items() if key not in present}
        await asyncio.gather(*(upload(key, body) for key, body in missing.items()))
        return present | missing.keys()

    def _is_lost(self, objects: tuple[Object, ...]) -> bool:
        now = self._node.state.inventory
        return any(inventory.lost_to(now, item.blob) is not None for item in objects)

    def _collected(self, dataset: Dataset) -> Refused:
        lost = next(
            item.blob
            for item in dataset.objects
            if inventory.lost_to(self._node.state.inventory, item.blob) is not None
        )
        return snapshot.gone(self._node.state, lost)

    def _standing(self) -> _Standing:
        now = self._node.state.inventory
        released_at = self._node.state.stores.released_at
        return (len(now.marked), now.removals, now.erased_at, released_at)


async def listed(bucket: Bucket, prefix: str) -> AsyncIterator[Stat]:
    """All objects below a prefix."""
    after = ""
    while True:
        page = await bucket.list_objects(prefix, after=after, limit=PAGE)
        for stat in page:
            yield stat
        if len(page) < PAGE:
            return
        after = page[-1].key
