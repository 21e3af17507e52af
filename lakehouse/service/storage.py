"""Storage: objects under keys that users choose; each change of bytes is a new version."""

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import msgspec

from journal.bucket.keys import RESERVED, is_reserved, key_fault, new_key_fault, object_blob
from lakehouse.api.console.storage import (
    Folder,
    FolderEntry,
    FolderQuery,
    KeyVersion,
    KeyVersions,
    ObjectDetail,
)
from lakehouse.api.storage import GetObjectQuery, ListObjectsQuery, ObjectPage, StoredObject
from lakehouse.api.versioned import Versioned
from lakehouse.commit.limiter import Limiter
from lakehouse.commit.node import Node
from lakehouse.domain.access.rights import READ, WRITE
from lakehouse.domain.commands import Command, ForgetObject, StoreObject
from lakehouse.domain.decision import DataStep
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.process.spool import Spooled, spooled
from lakehouse.service import presentation, snapshot
from lakehouse.service.access.permissions import permissions, require_key
from lakehouse.service.access.visible import present_for, state_for, visible
from lakehouse.service.caller import Caller
from lakehouse.service.changes import NOTHING_SHA256, mint, settle
from lakehouse.service.index import granted_keys
from lakehouse.service.index.present_keys import PresentKeys
from lakehouse.service.objects import VerifiedObjects
from projections import inventory
from projections.fold import State
from projections.inventory import Stored
from projections.key_index import Entry, KeyIndex

PARQUET = "application/vnd.apache.parquet"


class ObjectVersion(msgspec.Struct, frozen=True):
    """A version of a key that can be read; `stored` is the service's own."""

    stored: Stored
    size_bytes: int
    sha256: str
    content_type: str


class Storage:
    """Put, get, list and delete objects. `puts` bounds how many are received at once."""

    def __init__(
        self,
        node: Node,
        objects: VerifiedObjects,
        pool: Executor,
        spool_dir: Path,
        max_bytes: int,
        puts: Limiter,
    ) -> None:
        self.max_bytes = max_bytes
        """How large an object may be."""
        self._node = node
        self._objects = objects
        self._pool = pool
        self._spool_dir = spool_dir
        self._puts = puts
        self._present = PresentKeys(node)

    def check_writable(self, caller: Caller, key: str) -> None:
        """Raises RefusedError for a key that the caller may not change: `invalid_key`, `forbidden`."""
        _check_key(key, writing=True)
        require_key(self._node, caller, WRITE, key)

    @asynccontextmanager
    async def received(
        self, caller: Caller, chunks: AsyncIterator[bytes]
    ) -> AsyncIterator[Spooled]:
        """The bytes of an object, on disk or in memory while the context lasts.

        Raises RefusedError: `busy`, `too_large`, `insufficient_storage`, and what `chunks` raises.
        """
        with self._puts.slot():
            async with spooled(
                chunks, self._spool_dir, self.max_bytes, self._pool, hash_blocks=True
            ) as file:
                yield file

    async def put(
        self, caller: Caller, key: str, body: Spooled, content_type: str, *, only_if_absent: bool
    ) -> Versioned[StoredObject]:
        """Store received bytes as the key's current version.

        Raises RefusedError: `invalid_key`, `forbidden`, `key_exists`, and what settle raises.
        """
        self.check_writable(caller, key)

        async def upload(command: Command, step: DataStep) -> Command:
            if step not in (DataStep.UPLOAD, DataStep.UPLOAD_AGAIN):
                raise ValueError(f"a put has no step {step}")
            blob = object_blob(body.sha256, mint(self._node))
            await self._node.bucket.upload(blob, body.content)
            return msgspec.structs.replace(command, blob=blob)

        command = StoreObject(
            *(key, body.size_bytes, body.sha256, content_type, None, only_if_absent),
            body.block_hashes,
        )
        settled = await settle(self._node, command, caller, body.sha256, upload)
        version = inventory.current(settled.state.inventory, key)
        if version is None:
            raise RefusedError(Refused("object_lost", f"{key!r} was stored and is unknown now"))
        return Versioned(presentation.stored(version), settled.seq)

    async def delete(self, caller: Caller, key: str) -> int:
        """Delete a key; the seq at which it is absent. Its versions stay until they are collected.

        Raises RefusedError: `invalid_key`, `forbidden`, `object_in_use`.
        """
        self.check_writable(caller, key)
        settled = await settle(self._node, ForgetObject(key), caller, NOTHING_SHA256)
        return settled.seq

    async def find(
        self, caller: Caller, key: str, query: GetObjectQuery
    ) -> Versioned[ObjectVersion]:
        """The version that the key names.

        Raises RefusedError: `invalid_key`, `object_not_found`, `objects_collected`.
        """
        _check_key(key, writing=False)
        state = await state_for(self._node, caller, query.as_of)
        version = inventory.current(state.inventory, key)
        if version is None:
            raise RefusedError(self._absent(caller, key))
        if inventory.lost_to(self._node.state.inventory, version.blob) is not None:
            raise RefusedError(snapshot.gone(self._node.state, version.blob, key))
        content_type = version.content_type or PARQUET
        found = ObjectVersion(version, version.size_bytes, version.sha256, content_type)
        return Versioned(found, state.head.seq)

    def _absent(self, caller: Caller, key: str) -> Refused:
        """Why a key names nothing; 404 to a caller without the right to read it, whatever it named."""
        if not permissions(self._node, caller).may_key(READ, key):
            return snapshot.no_object(key)
        return snapshot.absent(self._node.state, key)

    async def read(
        self, caller: Caller, version: ObjectVersion, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes of a version, or `length` of them from `start`. Raises as `pieces` does."""
        return await self._objects.pieces(version.stored, start, length)

    async def folder(self, caller: Caller, query: FolderQuery) -> Versioned[Folder]:
        """The keys and folders directly below a prefix, in byte order of the keys.

        Costs the entries up to the part; with some rights only, the entries that these name, and above the
        folders of ingested data the datasets that the caller may read.
        """
        state = await snapshot.state_as_of(self._node, query.as_of)
        held = permissions(self._node, caller)
        index = self._index(state)
        if held.unrestricted:
            found, total = index.folder(query.prefix, query.skip, query.limit)
        else:
            own = _own_keys(visible(state, held), query.prefix)
            part = (query.prefix, query.skip, query.limit)
            found, total = granted_keys.folder(index, held.key_patterns(READ), own, part)
        return Versioned(Folder([_folder_entry(each) for each in found], total), state.head.seq)

    async def detail(
        self, caller: Caller, key: str, query: GetObjectQuery
    ) -> Versioned[ObjectDetail]:
        """The version that the key names. Raises RefusedError as `find` does."""
        found = await self.find(caller, key, query)
        version = found.body.stored
        detail = ObjectDetail(
            *(version.key, version.size_bytes, version.sha256, found.body.content_type),
            *(version.at, version.seq),
        )
        return Versioned(detail, found.seq)

    def versions(self, caller: Caller, key: str) -> Versioned[KeyVersions]:
        """The versions of a key that can still be read, also of one that was deleted; none for others.

        Costs the number of all objects. Raises RefusedError `invalid_key`.
        """
        _check_key(key, writing=False)
        state, shown = self._node.state, present_for(self._node, caller).inventory.keys
        found = list[Stored]()
        if key in shown or permissions(self._node, caller).may_key(READ, key):
            found = [each for each in state.inventory.blobs.values() if each.key == key]
        kept = [each for each in found if each.blob not in state.inventory.marked]
        now = shown.get(key)
        rows = [
            KeyVersion(each.seq, each.at, each.size_bytes, each.sha256, each.blob == now)
            for each in sorted(kept, key=lambda each: each.seq, reverse=True)
        ]
        return Versioned(KeyVersions(rows), state.head.seq)

    async def list(self, caller: Caller, query: ListObjectsQuery) -> Versioned[ObjectPage]:
        """A page of objects in byte order of their keys.

        Costs the page; with some rights only, also the datasets that the caller may read. The first page of a
        past moment costs the number of all keys.
        """
        state = await snapshot.state_as_of(self._node, query.as_of)
        keys = self._keys(caller, state, query.prefix, query.after)
        versions = (inventory.current(state.inventory, key) for key in keys)
        known = (each for each in versions if each is not None)
        found = [*islice(known, query.limit + 1)]
        page = found[: query.limit]
        more = page[-1].key if len(found) > query.limit else None
        rows = [presentation.listed(version) for version in page]
        return Versioned(ObjectPage(rows, more), state.head.seq)

    def _keys(self, caller: Caller, state: State, prefix: str, after: str) -> Iterator[str]:
        """The keys that the caller may read, in order."""
        held, index = permissions(self._node, caller), self._index(state)
        if held.unrestricted:
            return index.keys(prefix, after)
        own = _own_keys(visible(state, held), prefix)
        return granted_keys.keys(index, held.key_patterns(READ), own, prefix, after)

    def _index(self, state: State) -> KeyIndex:
        return self._present.index() if state is self._node.state else self._present.past(state)


def takes_changes(key: str) -> bool:
    """Whether users may change this key: it is not one of the lake's own."""
    return not is_reserved(key)


def _own_keys(seen: State, prefix: str) -> set[str]:
    """The keys below a prefix that exist because a dataset holds them, of the datasets in `seen`."""
    if not any(prefix.startswith(each) or each.startswith(prefix) for each in RESERVED):
        return set()
    return {
        item.key
        for dataset in seen.catalog.datasets.values()
        for item in dataset.objects + dataset.quarantine
        if item.key == item.blob and item.key.startswith(prefix)
    }


def _folder_entry(entry: Entry) -> FolderEntry:
    newest = entry.newest
    return FolderEntry(entry.name, entry.objects, entry.size_bytes, newest.at, newest.seq)


def _check_key(key: str, *, writing: bool) -> None:
    """Raises RefusedError `invalid_key` for a key that no object may have, or no user may change."""
    if fault := (new_key_fault if writing else key_fault)(key):
        raise RefusedError(Refused("invalid_key", fault))
    if writing and is_reserved(key):
        detail = "keys with that prefix are reserved for the lakehouse"
        raise RefusedError(Refused("invalid_key", detail))
