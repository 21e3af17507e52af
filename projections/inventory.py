"""The inventory: every object that the journal knows, its key, and what gc has marked or deleted. Pure.

A *key* is what users name, a *blob* the write-once object that holds one version of it. A blob of
ingested data is its own key, and that key exists while a live dataset refers to it.
"""

from collections.abc import Iterator
from typing import assert_never

import msgspec
from immutables import Map

from journal.access_events import AccessEvent
from journal.bucket.keys import blob_tag, mint_seq
from journal.definition_events import SourceEvent
from journal.event_parts import objects_of, retried_by
from journal.events import (
    Change,
    DatasetAppended,
    DatasetDropped,
    DatasetPinned,
    DatasetRegistered,
    DatasetRenamed,
    DatasetRestored,
    DatasetRewritten,
    DatasetsSwapped,
    DatasetUnpinned,
    FormatRaised,
    LakeAdopted,
    Object,
    ObjectForgotten,
    ObjectsCollected,
    ObjectsMarked,
    ObjectStored,
    ProfileDropped,
    ProfilePut,
    RowsErased,
    ViewDropped,
    ViewPut,
)
from journal.store_events import CopiesCollected, StoreEvent
from projections import pins, rewrites
from projections.catalog import Dataset
from projections.erasure import replacements as erasures
from projections.erasure.replacements import Erasure
from projections.moment import Moment
from projections.overlay import Overlay
from projections.pins import Pin
from projections.rewrites import Rewrite

REMEMBERED_EVENTS = 100_000
"""For how many events a collected blob's name is kept; after that only the mark horizon covers it."""


class Stored(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One version of one key; `seq` and `at` are those of the event that first named its blob, or
    the blob whose place it took in an erasure.

    `block_hashes` as in the journal: of an object of several blocks, if they were recorded.
    """

    key: str
    blob: str
    size_bytes: int
    sha256: str
    row_count: int | None
    content_type: str | None
    at: str
    seq: int
    block_hashes: str = ""


class Inventory(msgspec.Struct, frozen=True):
    """`mark_horizon`: a blob unknown here and minted before that seq may have been collected."""

    keys: Map[str, str] = Map()
    """Key → the blob of its current version."""
    blobs: Map[str, Stored] = Map()
    """Every version that may still be read."""
    references: Map[str, int] = Map()
    """Blob → how often live datasets hold it, where that is not 0."""
    released: Map[str, int] = Map()
    """Blob of `blobs` → seq of the event since which neither a key nor a dataset refers to it."""
    pins: Map[str, Pin] = Map()
    """`pin_name` → seq of the event that pinned it, and the blobs that it keeps."""
    pinned: Map[str, int] = Map()
    """Blob → in how many pins, where that is not 0."""
    marked: Map[str, int] = Map()
    """Blob → seq of its mark: final, nothing may refer to it again."""
    gone: Map[str, int] = Map()
    """Blob → seq of the event that recorded its removal."""
    erased: Map[str, Erasure] = Map()
    """Blob that held erased rows → what takes its place at every moment."""
    forgettable: Map[int, tuple[int, tuple[str, ...]]] = Map()
    """Queue of (seq, blobs) of removals by number, oldest `forgotten`."""
    removals: int = 0
    forgotten: int = 0
    mark_horizon: int = 0
    rewrites: Map[str, Rewrite] = Map()
    """Blob → what it was written from, as long as `blobs` or `gone` has it."""
    erased_at: int = 0
    """Seq of the last erasure."""


EMPTY = Inventory()


class Draft:
    """An inventory while events are folded into it."""

    def __init__(self, inventory: Inventory) -> None:
        self.keys = Overlay(inventory.keys)
        self.blobs = Overlay(inventory.blobs)
        self.references = Overlay(inventory.references)
        self.released = Overlay(inventory.released)
        self.pins = Overlay(inventory.pins)
        self.pinned = Overlay(inventory.pinned)
        self.marked = Overlay(inventory.marked)
        self.gone = Overlay(inventory.gone)
        self.erased = Overlay(inventory.erased)
        self.forgettable = Overlay(inventory.forgettable)
        self.removals = inventory.removals
        self.forgotten = inventory.forgotten
        self.mark_horizon = inventory.mark_horizon
        self.rewrites = Overlay(inventory.rewrites)
        self.erased_at = inventory.erased_at

    def finish(self) -> Inventory:
        """The inventory after the events; the draft must not be used again."""
        return Inventory(
            self.keys.finish(),
            self.blobs.finish(),
            self.references.finish(),
            self.released.finish(),
            self.pins.finish(),
            self.pinned.finish(),
            self.marked.finish(),
            self.gone.finish(),
            self.erased.finish(),
            self.forgettable.finish(),
            self.removals,
            self.forgotten,
            self.mark_horizon,
            self.rewrites.finish(),
            self.erased_at,
        )


def apply(draft: Draft, datasets: Overlay[str, Dataset], data: Change, moment: Moment) -> None:
    """Fold one change. `datasets` is the catalog's draft *before* this change."""
    match data:
        case ObjectStored():
            _store(draft, data, moment)
        case DatasetAppended():
            _hold(draft, objects_of(data), moment)
            _release(draft, _retried(datasets.find(data.name.lower()), data), moment)
        case DatasetRewritten():
            _rewrite(draft, datasets.find(data.name.lower()), data, moment)
        case DatasetRegistered() | DatasetRestored() | DatasetDropped():
            _hold(draft, objects_of(data), moment)
            _release(draft, _held(datasets.find(data.name.lower())), moment)
        case ObjectForgotten():
            _forget(draft, data.key, moment)
        case ObjectsMarked() | ObjectsCollected() | CopiesCollected():
            _remove(draft, data, moment)
        case DatasetPinned() | DatasetUnpinned() | DatasetRenamed() | DatasetsSwapped():
            pins.apply(draft.pins, draft.pinned, data, moment)
        case RowsErased():
            hashes = {item.blob: item.block_hashes for item in objects_of(data)}
            erasures.apply(draft, erasures.of_event(data, moment.seq), hashes, moment.seq)
        case (
            FormatRaised() | LakeAdopted() | ViewPut() | ViewDropped() | ProfilePut()
            | ProfileDropped() | AccessEvent() | StoreEvent() | SourceEvent()
        ):  # fmt: skip
            pass
        case _:
            assert_never(data)
    _forget_old_removals(draft, moment.seq)


def current(inventory: Inventory, key: str) -> Stored | None:
    """The version that `key` names now."""
    blob = inventory.keys.get(key)
    return inventory.blobs.get(blob) if blob is not None else None


def in_key_order(inventory: Inventory, prefix: str, after: str) -> list[Stored]:
    """What keys with `prefix` that sort after `after` name, in byte order of the keys."""
    # The order of code points is that of the bytes of UTF-8.
    found = sorted(key for key in inventory.keys if key.startswith(prefix) and key > after)
    versions = (inventory.blobs.get(inventory.keys[key]) for key in found)
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


def is_unneeded(inventory: Inventory, blob: str, cutoff_seq: int) -> bool:
    """Whether no state since event `cutoff_seq`, and no pin, refers to `blob`; nor to an unknown one."""
    if blob in inventory.pinned:
        return False
    released = inventory.released.get(blob)
    return blob not in inventory.blobs or (released is not None and released <= cutoff_seq)


def gc_candidates(inventory: Inventory, cutoff_seq: int) -> Iterator[tuple[Stored, int]]:
    """Versions that nothing has needed since `cutoff_seq` and that are not marked, with the event since."""
    for blob, seq in inventory.released.items():
        stored = inventory.blobs.get(blob)
        if stored is None or blob in inventory.marked:
            continue
        if is_unneeded(inventory, blob, cutoff_seq):
            yield stored, seq


def _store(draft: Draft, data: ObjectStored, moment: Moment) -> None:
    stored = Stored(
        data.key, data.blob, data.size_bytes, data.sha256, None, data.content_type,
        moment.at, moment.seq, data.block_hashes,
    )  # fmt: skip
    before = draft.keys.find(data.key)
    draft.keys.put(data.key, data.blob)
    draft.blobs.put(data.blob, stored)
    _take_up(draft, data.blob)
    if before is not None:
        _let_go(draft, data.key, before, moment)


def _forget(draft: Draft, key: str, moment: Moment) -> None:
    before = draft.keys.find(key)
    draft.keys.drop(key)
    if before is not None:
        _let_go(draft, key, before, moment)


def _hold(draft: Draft, objects: tuple[Object, ...], moment: Moment) -> None:
    for item in objects:
        if draft.blobs.find(item.blob) is None:
            stored = Stored(
                item.key, item.blob, item.size_bytes, item.sha256, item.row_count, None,
                moment.at, moment.seq, item.block_hashes,
            )  # fmt: skip
            draft.blobs.put(item.blob, stored)
        _take_up(draft, item.blob)
        draft.references.put(item.blob, (draft.references.find(item.blob) or 0) + 1)
        if item.key == item.blob:
            draft.keys.put(item.key, item.blob)


def _held(dataset: Dataset | None) -> tuple[Object, ...]:
    return dataset.objects + dataset.quarantine if dataset else ()


def _retried(
    dataset: Dataset | None, data: DatasetAppended | DatasetRewritten
) -> tuple[Object, ...]:
    blobs = retried_by(data)
    return tuple(item for item in dataset.quarantine if item.blob in blobs) if dataset else ()


def _rewrite(draft: Draft, dataset: Dataset | None, data: DatasetRewritten, moment: Moment) -> None:
    if dataset is None:
        return
    _hold(draft, objects_of(data), moment)
    blobs = {blob for each in data.replaced for blob in each.blobs}
    replaced = tuple(item for item in dataset.objects if item.blob in blobs)
    rewrites.apply(draft.rewrites, data, {item.blob: item.blob for item in replaced}, moment)
    _release(draft, replaced + _retried(dataset, data), moment)


def _release(draft: Draft, items: tuple[Object, ...], moment: Moment) -> None:
    for item in items:
        left = (draft.references.find(item.blob) or 0) - 1
        if left > 0:
            draft.references.put(item.blob, left)
            continue
        draft.references.drop(item.blob)
        if item.key == item.blob:
            draft.keys.drop(item.key)
        _let_go(draft, item.key, item.blob, moment)


def _take_up(draft: Draft, blob: str) -> None:
    if draft.released.find(blob) is not None:
        draft.released.drop(blob)


def _let_go(draft: Draft, key: str, blob: str, moment: Moment) -> None:
    """If nothing refers to a blob, record since which event."""
    if draft.keys.find(key) != blob and draft.references.find(blob) is None:
        draft.released.put(blob, moment.seq)


def _remove(
    draft: Draft, data: ObjectsMarked | ObjectsCollected | CopiesCollected, moment: Moment
) -> None:
    match data:
        case ObjectsMarked():
            draft.marked.put_all(data.blobs, moment.seq)
        case ObjectsCollected():
            _collect(draft, data.blobs, moment)
        case CopiesCollected():
            # The key of a blob that lives is not gone: the bytes are in another store.
            keys = tuple(key for key in data.keys if draft.blobs.find(key) is None)
            _remember_gone(draft, keys, moment)


def _collect(draft: Draft, blobs: tuple[str, ...], moment: Moment) -> None:
    draft.blobs.drop_all(blobs)
    draft.marked.drop_all(blobs)
    draft.released.drop_all(blobs)
    erasures.forget(draft.erased, blobs)
    _remember_gone(draft, blobs, moment)


def _remember_gone(draft: Draft, blobs: tuple[str, ...], moment: Moment) -> None:
    draft.gone.put_all(blobs, moment.seq)
    draft.forgettable.put(draft.removals, (moment.seq, blobs))
    draft.removals += 1


def _forget_old_removals(draft: Draft, seq: int) -> None:
    while (oldest := draft.forgettable.find(draft.forgotten)) is not None:
        removed_at, blobs = oldest
        if removed_at > seq - REMEMBERED_EVENTS:
            return
        youngest = max(map(mint_seq, blobs), default=-1)
        draft.mark_horizon = max(draft.mark_horizon, youngest + 1)
        draft.gone.drop_all(blobs)
        draft.rewrites.drop_all(blobs)
        draft.forgettable.drop(draft.forgotten)
        draft.forgotten += 1
