"""The stores beside the main one, and which copies of the blobs lie in them. Pure.

A blob that has no entry lies in the main store, under its own key, and nowhere else. A copy that is
released is not read any more; its bytes are there until its removal is recorded.
"""

from collections.abc import Iterator
from typing import assert_never

import msgspec
from immutables import Map

from journal.events import Change, ObjectsCollected
from journal.store_events import (
    MAIN,
    CopiesCollected,
    CopiesReleased,
    ObjectsCopied,
    StoreChange,
    StoreDropped,
    StoreEvent,
    StorePut,
)
from projections.inventory import Stored
from projections.moment import Moment
from projections.overlay import Overlay


class Store(msgspec.Struct, frozen=True, gc=False):
    """One store; fields as in the event, `seq` and `updated_at` of its last one."""

    id: str
    url: str
    credentials: str | None
    place: str
    created_at: str
    updated_at: str
    seq: int


class Copy(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Where one copy lies. `released`: seq of the event since which it is not read; 0: it is."""

    store: str
    key: str
    released: int = 0


class Stray(msgspec.Struct, frozen=True, gc=False):
    """A released key of a store that no copy had; `seq` of its release."""

    store: str
    seq: int


class Stores(msgspec.Struct, frozen=True):
    """Stores by id."""

    stores: Map[str, Store] = Map()
    copies: Map[str, tuple[Copy, ...]] = Map()
    """Blob → its copies, of each blob that is not in the main store alone."""
    blobs: Map[str, str] = Map()
    """Key of a copy → the blob whose bytes it holds, where the two differ."""
    strays: Map[str, Stray] = Map()
    released_at: int = 0
    """Seq of the last release of copies."""


EMPTY = Stores()


class Draft:
    """Stores while events are folded into them."""

    def __init__(self, stores: Stores) -> None:
        self.stores = Overlay(stores.stores)
        self.copies = Overlay(stores.copies)
        self.blobs = Overlay(stores.blobs)
        self.strays = Overlay(stores.strays)
        self.released_at = stores.released_at

    def finish(self) -> Stores:
        """The stores after the events; the draft must not be used again."""
        return Stores(
            self.stores.finish(),
            self.copies.finish(),
            self.blobs.finish(),
            self.strays.finish(),
            self.released_at,
        )


def apply(draft: Draft, data: Change, moment: Moment) -> None:
    """Fold one change: of stores and copies, and the removal of blobs with all their copies."""
    if isinstance(data, ObjectsCollected):
        for blob in data.blobs:
            _forget(draft, blob)
    elif isinstance(data, StoreEvent):
        _apply(draft, data, moment)


def copies_of(stores: Stores, blob: str) -> tuple[Copy, ...]:
    """All copies of a blob, released ones too, the oldest first."""
    return stores.copies.get(blob) or (Copy(MAIN, blob),)


def readable(stores: Stores, blob: str) -> tuple[Copy, ...]:
    """The copies of a blob that may be read."""
    return tuple(copy for copy in copies_of(stores, blob) if not copy.released)


def in_store(stores: Stores, store: str) -> Iterator[tuple[str, Copy]]:
    """Each copy in a store, released ones too, with its blob; of `main` only those that have an entry."""
    for blob, copies in stores.copies.items():
        for copy in copies:
            if copy.store == store:
                yield blob, copy


def blob_at(stores: Stores, key: str) -> str | None:
    """The blob whose bytes a copy's key holds; None for a key that no event has named as a copy."""
    return stores.blobs.get(key) or (key if key in stores.copies else None)


def released(stores: Stores) -> Iterator[tuple[str, str, int]]:
    """What is released and not collected: (store, key, seq of the release)."""
    for copies in stores.copies.values():
        for copy in copies:
            if copy.released:
                yield copy.store, copy.key, copy.released
    for key, stray in stores.strays.items():
        yield stray.store, key, stray.seq


def contents(stores: Stores, blobs: Map[str, Stored], store: str) -> tuple[int, int, int]:
    """How many objects can be read from a store, their size in bytes, and how many copies are released."""
    count = size_bytes = 0
    if store == MAIN:
        count, size_bytes = len(blobs), sum(each.size_bytes for each in blobs.values())
        for blob in stores.copies:
            if blob in blobs and all(copy.store != MAIN for copy in readable(stores, blob)):
                count, size_bytes = count - 1, size_bytes - blobs[blob].size_bytes
    else:
        for blob, copy in in_store(stores, store):
            if blob in blobs and not copy.released:
                count, size_bytes = count + 1, size_bytes + blobs[blob].size_bytes
    return count, size_bytes, sum(1 for each, _, _ in released(stores) if each == store)


def _apply(draft: Draft, data: StoreChange, moment: Moment) -> None:
    match data:
        case StorePut():
            was = draft.stores.find(data.store)
            created_at = was.created_at if was else moment.at
            store = Store(
                *(data.store, data.url, data.credentials, data.place),
                *(created_at, moment.at, moment.seq),
            )
            draft.stores.put(data.store, store)
        case StoreDropped():
            draft.stores.drop(data.store)
        case ObjectsCopied():
            for each in data.copies:
                before = draft.copies.find(each.blob) or (Copy(MAIN, each.blob),)
                draft.copies.put(each.blob, (*before, Copy(data.store, each.key)))
                draft.blobs.put(each.key, each.blob)
        case CopiesReleased():
            draft.released_at = moment.seq
            for key in data.keys:
                _release(draft, data.store, key, moment.seq)
        case CopiesCollected():
            for key in data.keys:
                _collect(draft, data.store, key)
        case _:
            assert_never(data)


def _release(draft: Draft, store: str, key: str, seq: int) -> None:
    blob = draft.blobs.find(key) or key
    copies = draft.copies.find(blob)
    if copies is None:
        draft.strays.put(key, Stray(store, seq))
        return
    now = (Copy(store, key, seq) if (c.store, c.key) == (store, key) else c for c in copies)
    draft.copies.put(blob, tuple(now))


def _collect(draft: Draft, store: str, key: str) -> None:
    draft.strays.drop(key)
    blob = draft.blobs.find(key) or key
    draft.blobs.drop(key)
    copies = draft.copies.find(blob)
    if copies is None:
        return
    left = tuple(copy for copy in copies if (copy.store, copy.key) != (store, key))
    if left == (Copy(MAIN, blob),):
        draft.copies.drop(blob)
    else:
        draft.copies.put(blob, left)


def _forget(draft: Draft, blob: str) -> None:
    copies = draft.copies.find(blob)
    if copies is not None:
        draft.copies.drop(blob)
        draft.blobs.drop_all(copy.key for copy in copies)
