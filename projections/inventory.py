"""The inventory: every object the journal knows, what names it, and what was given up. Pure.

A *key* is what users name, a *blob* the write-once object that holds one version of it. A blob of
ingested data is its own key, and that key is there for as long as a live dataset refers to it.
"""

import msgspec
from immutables import Map, MapMutation

from journal.bucket.keys import blob_tag
from journal.events import (
    Data,
    DatasetAppended,
    DatasetDropped,
    DatasetRegistered,
    DatasetRestored,
    Object,
    ObjectForgotten,
    ObjectsCollected,
    ObjectsMarked,
    ObjectStored,
    objects_of,
)
from projections.catalog import Dataset
from projections.moment import Moment

REMEMBERED_EVENTS = 100_000
"""For how many events a collected blob's name is kept before only the mark horizon guards it."""


class Stored(msgspec.Struct, frozen=True, gc=False):
    """One version of one key; `seq` and `at` are those of the event that first named its blob."""

    key: str
    blob: str
    size_bytes: int
    sha256: str
    row_count: int | None
    content_type: str | None
    at: str
    seq: int


class Inventory(msgspec.Struct, frozen=True):
    """`mark_horizon`: a blob unknown here and minted before that seq may have been collected."""

    keys: Map[str, str] = Map()
    """Key → the blob of its current version."""
    blobs: Map[str, Stored] = Map()
    """Every version that may still be read."""
    references: Map[str, int] = Map()
    """Blob → in how many places live datasets hold it, where that is not 0."""
    marked: Map[str, int] = Map()
    """Blob → seq of its mark: final, nothing may refer to it again."""
    gone: Map[str, int] = Map()
    """Blob → seq of the event that recorded its removal."""
    forgettable: Map[int, tuple[int, tuple[str, ...]]] = Map()
    """Queue of (seq, blobs) of removals by number, oldest `forgotten`."""
    removals: int = 0
    forgotten: int = 0
    mark_horizon: int = 0


EMPTY = Inventory()


class Draft:
    """An inventory while events are folded into it."""

    def __init__(self, inventory: Inventory) -> None:
        self.keys = inventory.keys.mutate()
        self.blobs = inventory.blobs.mutate()
        self.references = inventory.references.mutate()
        self.marked = inventory.marked.mutate()
        self.gone = inventory.gone.mutate()
        self.forgettable = inventory.forgettable.mutate()
        self.removals = inventory.removals
        self.forgotten = inventory.forgotten
        self.mark_horizon = inventory.mark_horizon

    def finish(self) -> Inventory:
        """The inventory that the events have made; the draft is spent."""
        return Inventory(
            self.keys.finish(),
            self.blobs.finish(),
            self.references.finish(),
            self.marked.finish(),
            self.gone.finish(),
            self.forgettable.finish(),
            self.removals,
            self.forgotten,
            self.mark_horizon,
        )


def apply(draft: Draft, datasets: MapMutation[str, Dataset], data: Data, moment: Moment) -> None:
    """Fold one event. `datasets` is the catalog's draft *before* this event."""
    match data:
        case ObjectStored():
            stored = Stored(
                data.key, data.blob, data.size_bytes, data.sha256, None, data.content_type,
                moment.at, moment.seq,
            )  # fmt: skip
            draft.keys[data.key] = data.blob
            draft.blobs[data.blob] = stored
        case ObjectForgotten():
            draft.keys.pop(data.key, None)
        case DatasetRegistered() | DatasetRestored():
            _hold(draft, objects_of(data), moment)
            _release(draft, datasets.get(data.name.lower()))
        case DatasetAppended():
            _hold(draft, objects_of(data), moment)
        case DatasetDropped():
            _release(draft, datasets.get(data.name.lower()))
        case ObjectsMarked():
            for blob in data.blobs:
                draft.marked[blob] = moment.seq
        case ObjectsCollected():
            _collect(draft, data.blobs, moment)
        case _:
            pass
    _forget_old_removals(draft, moment.seq)


def current(inventory: Inventory, key: str) -> Stored | None:
    """The version that `key` names now."""
    blob = inventory.keys.get(key)
    return inventory.blobs.get(blob) if blob is not None else None


def in_key_order(inventory: Inventory, prefix: str, after: str) -> list[Stored]:
    """What keys with `prefix` that sort after `after` name, in byte order of the keys."""
    found = [
        key for key in inventory.keys if key.startswith(prefix) and _bytes(key) > _bytes(after)
    ]
    versions = (inventory.blobs.get(inventory.keys[key]) for key in sorted(found, key=_bytes))
    return [stored for stored in versions if stored is not None]


def is_held(inventory: Inventory, blob: str) -> bool:
    """Whether a live dataset holds this blob."""
    return blob in inventory.references


def lost_to(inventory: Inventory, blob: str) -> int | None:
    """The seq of the mark or removal since which nothing may refer to `blob`, or None.

    A blob that is unknown here and was minted before the mark horizon is lost to the horizon.
    """
    seq = inventory.gone.get(blob, inventory.marked.get(blob))
    if seq is not None or blob in inventory.blobs:
        return seq
    tag = blob_tag(blob)
    return inventory.mark_horizon if tag and tag.mint_seq < inventory.mark_horizon else None


def _hold(draft: Draft, objects: tuple[Object, ...], moment: Moment) -> None:
    for item in objects:
        if item.blob not in draft.blobs:
            draft.blobs[item.blob] = Stored(
                item.key, item.blob, item.size_bytes, item.sha256, item.row_count, None,
                moment.at, moment.seq,
            )  # fmt: skip
        draft.references[item.blob] = draft.references.get(item.blob, 0) + 1
        if item.key == item.blob:
            draft.keys[item.key] = item.blob


def _release(draft: Draft, dataset: Dataset | None) -> None:
    if dataset is None:
        return
    for item in dataset.objects + dataset.quarantine:
        left = draft.references.get(item.blob, 0) - 1
        if left > 0:
            draft.references[item.blob] = left
            continue
        draft.references.pop(item.blob, None)
        if item.key == item.blob:
            draft.keys.pop(item.key, None)


def _collect(draft: Draft, blobs: tuple[str, ...], moment: Moment) -> None:
    for blob in blobs:
        draft.blobs.pop(blob, None)
        draft.marked.pop(blob, None)
        draft.gone[blob] = moment.seq
    draft.forgettable[draft.removals] = (moment.seq, blobs)
    draft.removals += 1


def _forget_old_removals(draft: Draft, seq: int) -> None:
    while draft.forgotten < draft.removals:
        removed_at, blobs = draft.forgettable[draft.forgotten]
        if removed_at > seq - REMEMBERED_EVENTS:
            return
        for blob in blobs:
            tag = blob_tag(blob)
            draft.mark_horizon = max(draft.mark_horizon, tag.mint_seq + 1 if tag else 0)
            draft.gone.pop(blob, None)
        del draft.forgettable[draft.forgotten]
        draft.forgotten += 1


def _bytes(key: str) -> bytes:
    return key.encode()
