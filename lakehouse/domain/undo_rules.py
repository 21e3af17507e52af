"""The rules of undo: the inverse of an event, and what blocks it. Pure; a part of `decide`.

`inverse` looks at the state before the event, `blocked` at the present one. Must never call a pin a
change of the dataset: what a dataset holds does not depend on it.
"""

from typing import assert_never

from journal.events import (
    Data,
    DatasetAppended,
    DatasetDropped,
    DatasetPinned,
    DatasetRegistered,
    DatasetRestored,
    DatasetUnpinned,
    FormatRaised,
    LakeAdopted,
    ObjectForgotten,
    ObjectsCollected,
    ObjectsMarked,
    ObjectStored,
)
from lakehouse.domain.commands import (
    Command,
    DropDataset,
    ForgetObject,
    RestoreDataset,
    StoreObject,
    UndoChange,
    UnpinDataset,
)
from lakehouse.domain.decision import DataStep, NeedsData
from lakehouse.domain.errors import Refused
from projections import catalog, history, inventory
from projections.fold import State


def inverse(data: Data, before: State) -> Command | Refused:
    """The command that undoes an event; `before` is the state that it was decided on."""
    match data:
        case DatasetRegistered() | DatasetAppended() | DatasetRestored() | DatasetDropped():
            was = catalog.find(before.catalog, data.name)
            return RestoreDataset(before.head.seq, was) if was else DropDataset(data.name)
        case ObjectStored() | ObjectForgotten():
            return _key(data.key, before)
        case DatasetPinned():
            return UnpinDataset(data.name, data.as_of_seq)
        case ObjectsMarked():
            return _final(data, "a mark is final: the object may be deleted at any moment")
        case ObjectsCollected():
            return _final(data, "the bytes are deleted")
        case DatasetUnpinned():
            return _final(data, "pin it again; what it held may have been collected since")
        case FormatRaised():
            return _final(data, "slots of the newer format may have been written since")
        case LakeAdopted():
            return _final(data, "it records what happened outside the journal")
    assert_never(data)


def blocked(state: State, command: UndoChange) -> Refused | NeedsData | None:
    """Why a change cannot be undone now: a later one of the same rows, schema, key or pin. None: it can."""
    data = command.did
    match data:
        case ObjectStored() | ObjectForgotten():
            return _key_changed(state, command.seq, data)
        case DatasetRegistered() | DatasetAppended() | DatasetRestored() | DatasetDropped():
            return _dataset_changed(state, command, data.name)
        case DatasetPinned():
            return _pinned_again(state, command.seq, data)
        case ObjectsMarked() | ObjectsCollected() | DatasetUnpinned():
            return None
        case FormatRaised() | LakeAdopted():
            return None
    assert_never(data)


def _dataset_changed(state: State, command: UndoChange, name: str) -> Refused | NeedsData | None:
    """Pins and unpins are no changes of rows or schema. The history links hold them, the catalog does not."""
    link = state.history.links.get(history.dataset_entity(name))
    live = catalog.find(state.catalog, name)
    if link is None or link[1] == command.seq:
        return None
    if live is not None:
        return _conflict(live.seq, command.seq, f"dataset {name}")
    if command.last_change is None or command.last_change[0] != link[1]:
        detail = f"event {link[1]} of the dropped dataset {name} may be a pin"
        return NeedsData(DataStep.FIND_LAST_CHANGE, detail)
    return _conflict(command.last_change[1], command.seq, f"dataset {name}")


def _key_changed(
    state: State, seq: int, data: ObjectStored | ObjectForgotten
) -> Refused | NeedsData | None:
    now = inventory.current(state.inventory, data.key)
    if now is not None:
        return _conflict(now.seq, seq, f"key {data.key!r}")
    if isinstance(data, ObjectForgotten):
        return None
    return _refused(f"key {data.key!r} was deleted after event {seq}")


def _pinned_again(state: State, seq: int, data: DatasetPinned) -> Refused | None:
    pin = state.inventory.pins.get(inventory.pin_name(data.name, data.as_of_seq))
    return _conflict(pin[0], seq, f"pin {data.name}@{data.as_of_seq}") if pin else None


def _conflict(last: int, seq: int, subject: str) -> Refused | None:
    if last == seq:
        return None
    return _refused(f"event {last} changed {subject} after event {seq}")


def _refused(detail: str) -> Refused:
    return Refused("undo_conflict", f"{detail}; undo that first, or restore by name")


def _final(data: Data, why: str) -> Refused:
    return Refused("cannot_undo", f"{data.TYPE}: {why}")


def _key(key: str, before: State) -> Command:
    was = inventory.current(before.inventory, key)
    if was is None:
        return ForgetObject(key)
    content_type = was.content_type or "application/octet-stream"
    return StoreObject(
        key, was.size_bytes, was.sha256, content_type, was.blob, block_hashes=was.block_hashes
    )
