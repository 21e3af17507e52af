"""The rules of undo: the inverse of an event, and what blocks it. Pure; a part of `decide`.

`inverse` reads the state before the event, `blocked` the present one. Must never call a pin a
change of the dataset: what a dataset holds does not depend on it.
"""

from typing import assert_never

from journal.access_events import AccessChange, AccessEvent
from journal.definition_events import SourceChange, SourceEvent
from journal.event_parts import changes_of
from journal.events import (
    COMPACT,
    Change,
    ChangeSetCommitted,
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
from journal.store_events import StoreChange, StoreEvent
from lakehouse.domain.access import rules as access_rules
from lakehouse.domain.commands import (
    Command,
    CommitChangeSet,
    DropDataset,
    DropProfile,
    DropView,
    ForgetObject,
    PutProfile,
    PutView,
    RenameDataset,
    RestoreDataset,
    StoreObject,
    SwapDatasets,
    UndoChange,
    UnpinDataset,
)
from lakehouse.domain.decision import DataStep, NeedsData
from lakehouse.domain.errors import Refused
from lakehouse.domain.sources import rules as source_rules
from projections import catalog, history, inventory
from projections.catalog import Dataset
from projections.definitions import ViewDefinition
from projections.fold import State, apply_change
from projections.moment import Moment
from projections.pins import pin_name

UNDO_SKIPS = DatasetPinned | DatasetUnpinned | RowsErased
"""Events about a dataset that never prevent an undo."""


def inverse(data: Data, before: State) -> Command | Refused:
    """The command that undoes an event; `before` is the state that it was decided on.

    Of a change set the inverses of its changes, the last one first.
    """
    if not isinstance(data, ChangeSetCommitted):
        return _inverse(data, before)
    running, undoing = before, list[Command]()
    moment = Moment(before.head.position + 1, before.head.seq + 1, before.head.at)
    for change in changes_of(data):
        undone = _inverse(change, running)
        if isinstance(undone, Refused):
            return undone
        undoing.append(undone)
        running = apply_change(running, change, moment)
    return CommitChangeSet(tuple(reversed(undoing)))


def _inverse(data: Change, before: State) -> Command | Refused:
    match data:
        case DatasetRegistered() | DatasetAppended() | DatasetRestored() | DatasetDropped():
            was = catalog.find(before.catalog, data.name)
            return RestoreDataset(before.head.seq, was) if was else DropDataset(data.name)
        case DatasetRewritten():
            return _unrewritten(data, before)
        case DatasetRenamed():
            return RenameDataset(data.to, data.name)
        case DatasetsSwapped():
            return SwapDatasets(data.a, data.b)
        case ViewPut() | ViewDropped() | ProfilePut() | ProfileDropped():
            return _definition(data, before)
        case AccessEvent() | SourceEvent():
            return _administration(data, before)
        case ObjectStored() | ObjectForgotten():
            return _key(data.key, before)
        case DatasetPinned():
            return UnpinDataset(data.name, data.as_of_seq)
        case (
            ObjectsMarked()
            | ObjectsCollected()
            | DatasetUnpinned()
            | FormatRaised()
            | LakeAdopted()
            | RowsErased()
            | StoreEvent()
        ):
            return Refused("cannot_undo", f"{data.TYPE}: {_why_final(data)}")
    assert_never(data)


def _administration(data: AccessChange | SourceChange, before: State) -> Command | Refused:
    if isinstance(data, SourceEvent):
        return source_rules.inverse(data, before.sources)
    return access_rules.inverse(data, before.access)


def _administered_since(
    state: State, seq: int, data: AccessChange | SourceChange
) -> Refused | None:
    if isinstance(data, SourceEvent):
        return source_rules.changed_since(state, seq, data)
    return access_rules.changed_since(state, seq, data)


def _unrewritten(data: DatasetRewritten, before: State) -> Command | Refused:
    if data.kind == COMPACT:
        return Refused("cannot_undo", f"{data.TYPE}: a compaction changes no rows")
    was = catalog.find(before.catalog, data.name)
    if was is None:
        raise ValueError(f"a rewrite of {data.name}, which did not exist")
    return RestoreDataset(before.head.seq, was)


def _why_final(
    data: ObjectsMarked
    | ObjectsCollected
    | DatasetUnpinned
    | FormatRaised
    | LakeAdopted
    | RowsErased
    | StoreChange,
) -> str:
    match data:
        case ObjectsMarked():
            return "a mark is final: the object may be deleted at any moment"
        case ObjectsCollected():
            return "the bytes are deleted"
        case DatasetUnpinned():
            return "pin it again; what it held may have been collected since"
        case FormatRaised():
            return "slots of the newer format may have been written since"
        case LakeAdopted():
            return "it records what happened outside the journal"
        case RowsErased():
            return "the rows were removed from every version"
        case StoreEvent():
            return "stores and copies hold no rows of their own; change them yourself"
    assert_never(data)


def blocked(state: State, command: UndoChange) -> Refused | NeedsData | None:
    """Why a change cannot be undone now: a later one of the same rows, schema, key or pin. None: it can."""
    found = (_blocked(state, command, change) for change in changes_of(command.did))
    return next((each for each in found if each is not None), None)


def may_rebuild(state: State, command: UndoChange, refused: Refused) -> bool:
    """Whether what gc has removed may live on in what a compaction made of it since the change."""
    if command.rebuilt or refused.code != "objects_collected":
        return False
    inverse_ = command.inverse
    changes = inverse_.changes if isinstance(inverse_, CommitChangeSet) else (inverse_,)
    names = [each.was.name for each in changes if isinstance(each, RestoreDataset)]
    found = (catalog.find(state.catalog, name) for name in names)
    return any(live is not None and bool(live.rows_seq) for live in found)


def _blocked(state: State, command: UndoChange, data: Change) -> Refused | NeedsData | None:
    match data:
        case ObjectStored() | ObjectForgotten():
            return _key_changed(state, command.seq, data)
        case (
            DatasetRegistered()
            | DatasetAppended()
            | DatasetRestored()
            | (DatasetRewritten() | DatasetDropped())
        ):
            return _dataset_changed(state, command, data.name)
        case DatasetRenamed():
            return _one_changed(state, command, (data.name, data.to))
        case DatasetsSwapped():
            return _one_changed(state, command, (data.a, data.b))
        case ViewPut() | ViewDropped():
            return _dataset_changed(state, command, data.name)
        case ProfilePut() | ProfileDropped():
            return _profile_changed(state, command.seq, data.name)
        case AccessEvent() | SourceEvent():
            return _administered_since(state, command.seq, data)
        case DatasetPinned():
            return _pinned_again(state, command.seq, data)
        case (
            ObjectsMarked()
            | ObjectsCollected()
            | DatasetUnpinned()
            | FormatRaised()
            | LakeAdopted()
            | RowsErased()
            | StoreEvent()
        ):
            return None
    assert_never(data)


def _one_changed(
    state: State, command: UndoChange, names: tuple[str, ...]
) -> Refused | NeedsData | None:
    found = (_dataset_changed(state, command, name) for name in names)
    return next((each for each in found if each is not None), None)


def _dataset_changed(state: State, command: UndoChange, name: str) -> Refused | NeedsData | None:
    """Pins, unpins and compactions are no changes of rows or schema.

    The history links hold them all, the catalog only knows its last change.
    """
    entity = history.dataset_entity(name)
    link = state.history.links.get(entity)
    live = catalog.find(state.catalog, name) or catalog.find_view(state.catalog, name)
    if link is None or link[1] == command.seq:
        return None
    if live is not None:
        last = catalog.last_change(live) if isinstance(live, Dataset) else live.seq
        if (
            isinstance(live, ViewDefinition)
            and last != command.seq
            and not _of_view(command, entity)
        ):
            detail = f"{name} is a view now (event {last}); drop the view first"
            return Refused("undo_conflict", detail)
        return _conflict(last, command.seq, name)
    known = next((each for each in command.last_changes if each.entity == entity), None)
    if known is None or known.last_seq != link[1]:
        detail = f"event {link[1]} of {name}, which is absent now, may be a pin"
        return NeedsData(DataStep.FIND_LAST_CHANGE, detail)
    return _conflict(known.seq, command.seq, name)


def passes_by(command: UndoChange, event: Data, entity: str) -> bool:
    """Whether a later event about an absent name leaves what is undone as it is.

    So does a view that had a dropped dataset's name meanwhile: it is gone too.
    """
    changes = [each for each in changes_of(event) if entity in history.origins(each)]
    skipped = UNDO_SKIPS if _of_view(command, entity) else UNDO_SKIPS | ViewPut | ViewDropped
    return all(isinstance(each, skipped) for each in changes)


def _of_view(command: UndoChange, entity: str) -> bool:
    """Whether the change that is undone put or dropped a view of this name."""
    views = (each for each in changes_of(command.did) if isinstance(each, ViewPut | ViewDropped))
    return any(history.dataset_entity(each.name) == entity for each in views)


def _profile_changed(state: State, seq: int, name: str) -> Refused | None:
    link = state.history.links.get(history.profile_entity(name))
    return _conflict(link[1], seq, f"profile {name}") if link else None


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
    pin = state.inventory.pins.get(pin_name(data.name, data.as_of_seq))
    return _conflict(pin[0], seq, f"pin {data.name}@{data.as_of_seq}") if pin else None


def _conflict(last: int, seq: int, subject: str) -> Refused | None:
    if last == seq:
        return None
    return _refused(f"event {last} changed {subject} after event {seq}")


def _refused(detail: str) -> Refused:
    return Refused("undo_conflict", f"{detail}; undo that first, or restore by name")


def _definition(
    data: ViewPut | ViewDropped | ProfilePut | ProfileDropped, before: State
) -> Command:
    match data:
        case ViewPut() | ViewDropped():
            view = catalog.find_view(before.catalog, data.name)
            return _put_again(view) if view else DropView(data.name)
        case ProfilePut() | ProfileDropped():
            was = catalog.find_profile(before.catalog, data.name)
            return PutProfile(was.name, was.names, was.others) if was else DropProfile(data.name)
    assert_never(data)


def _put_again(view: ViewDefinition) -> PutView:
    return PutView(view.name, view.sql, view.safe, view.comment, view.columns, view.reads)


def _key(key: str, before: State) -> Command:
    was = inventory.current(before.inventory, key)
    if was is None:
        return ForgetObject(key)
    content_type = was.content_type or "application/octet-stream"
    return StoreObject(
        key, was.size_bytes, was.sha256, content_type, was.blob, block_hashes=was.block_hashes
    )
