"""Parts that all events have: the version, the objects, the keys that they name. Pure."""

from collections.abc import Sequence
from typing import assert_never

from journal.access_events import AccessEvent
from journal.definition_events import SourceEvent
from journal.events import (
    BLOCKS_VERSION,
    RETRIES,
    VERSION,
    Change,
    ChangeSetCommitted,
    Content,
    Data,
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
from journal.store_events import (
    CopiesCollected,
    CopiesReleased,
    ObjectsCopied,
    StoreChange,
    StoreDropped,
    StoreEvent,
    StorePut,
)

LINES = "lines"
"""The option of an append's source that is a group of a stream: its lines, `<first>-<after the last>`."""


def changes_of(data: Data) -> tuple[Change, ...]:
    """The changes of an event in order: all changes of a change set, else the event's own data."""
    if isinstance(data, ChangeSetCommitted):
        return tuple(each.data for each in data.changes)
    return (data,)


def version_of(data: Data) -> int:
    """The version that an event with this data has."""
    later = any(_has_later_members(each) for each in changes_of(data))
    return BLOCKS_VERSION if later else VERSION


def _has_later_members(change: Change) -> bool:
    """Whether it has block hashes, rounded values, a derivation, a lineage or a source's file."""
    if isinstance(change, ObjectStored):
        return bool(change.block_hashes)
    if any(item.block_hashes for item in objects_of(change)):
        return True
    if not isinstance(change, Content | DatasetRestored | DatasetRewritten):
        return False
    if change.source is not None and change.source.file is not None:
        return True
    lineage = isinstance(change, DatasetRestored) and bool(change.lineage)
    return bool(change.rounded) or change.derivation is not None or lineage


def block_hashes_of(data: Data) -> list[tuple[int, str]]:
    """(size in bytes, block hashes) of each object that an event names with its size."""
    found: list[tuple[int, str]] = []
    for change in changes_of(data):
        if isinstance(change, ObjectStored):
            found.append((change.size_bytes, change.block_hashes))
        else:
            found += [(item.size_bytes, item.block_hashes) for item in objects_of(change)]
    return found


def objects_of(change: Change) -> tuple[Object, ...]:
    """Every object that a change adds: its rows, then its quarantine; of an erasure the successors."""
    match change:
        case DatasetRegistered() | DatasetAppended() | DatasetRestored():
            return change.objects + change.quarantine
        case DatasetRewritten():
            written = tuple(item for each in change.replaced for item in each.by)
            return written + change.added + change.quarantine
        case RowsErased():
            return tuple(each.by for each in change.replaced if each.by is not None)
        case ObjectStored() | ObjectForgotten() | DatasetDropped():
            return ()
        case ObjectsMarked() | ObjectsCollected() | DatasetPinned() | DatasetUnpinned():
            return ()
        case DatasetRenamed() | DatasetsSwapped() | FormatRaised() | LakeAdopted():
            return ()
        case ViewPut() | ViewDropped() | ProfilePut() | ProfileDropped():
            return ()
        case AccessEvent() | StoreEvent() | SourceEvent():
            return ()
    assert_never(change)


def rows_changed(data: DatasetRewritten) -> tuple[int, int]:
    """How many rows a rewrite added to a dataset, and how many it removed; a changed one is in both."""
    added = sum(each.rows_added for each in data.replaced)
    added += sum(item.row_count or 0 for item in data.added)
    return added, sum(each.rows_removed for each in data.replaced)


def retried_by(data: DatasetAppended | DatasetRewritten) -> frozenset[str]:
    """The quarantine blobs that an ingest resolves: it contains their rows, corrected."""
    if data.source is None:
        return frozenset()
    return frozenset(value for name, value in data.source.options if name == RETRIES)


def line_after(data: Data) -> int:
    """The line after the last one of the group of a stream that an event is; 0 where it is none."""
    if not isinstance(data, DatasetAppended) or data.source is None:
        return 0
    found = next((value for name, value in data.source.options if name == LINES), "")
    stop = found.partition("-")[2]
    return int(stop) if stop.isdecimal() else 0


def lines_text(first: int, stop: int) -> str:
    """The lines of a stream from `first` up to and without `stop`, as an option of their source."""
    return f"{first}-{stop}"


def names_of(data: Data) -> tuple[Sequence[str], Sequence[str]]:
    """The users' keys and the blobs that an event names. An ingested object's key is its blob."""
    if not isinstance(data, ChangeSetCommitted):
        return _names_of(data)
    keys: list[str] = []
    blobs: list[str] = []
    for change in changes_of(data):
        named_keys, named_blobs = _names_of(change)
        keys += named_keys
        blobs += named_blobs
    return keys, blobs


def _names_of(change: Change) -> tuple[Sequence[str], Sequence[str]]:
    match change:
        case ObjectStored():
            return (change.key,), (change.blob,)
        case DatasetRegistered() | DatasetAppended() | DatasetRestored():
            objects = objects_of(change)
            keys = [item.key for item in objects if item.key != item.blob]
            return keys, [item.blob for item in objects]
        case DatasetRewritten():
            replaced = [blob for each in change.replaced for blob in each.blobs]
            return (), replaced + [item.blob for item in objects_of(change)]
        case ObjectsMarked() | ObjectsCollected() | DatasetPinned():
            return (), change.blobs
        case RowsErased():
            objects = objects_of(change)
            blobs = [each.blob for each in change.replaced] + [item.blob for item in objects]
            return [item.key for item in objects if item.key != item.blob], blobs
        case ObjectForgotten() | DatasetDropped() | DatasetUnpinned():
            return (), ()
        case DatasetRenamed() | DatasetsSwapped() | FormatRaised() | LakeAdopted():
            return (), ()
        case (ViewPut() | ViewDropped() | ProfilePut() | ProfileDropped()) | (
            AccessEvent() | SourceEvent()
        ):
            return (), ()
        case StoreEvent():
            return (), _keys_of(change)
    assert_never(change)


def _keys_of(change: StoreChange) -> Sequence[str]:
    """The blobs and the keys of copies that an event of a store names: all have the form of a blob's."""
    match change:
        case ObjectsCopied():
            return [each.blob for each in change.copies] + [each.key for each in change.copies]
        case CopiesReleased() | CopiesCollected():
            return change.keys
        case StorePut() | StoreDropped():
            return ()
    assert_never(change)
