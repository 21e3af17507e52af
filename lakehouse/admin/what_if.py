"""The state as if some events had never happened: all others are decided again without them. Pure.

Writes nothing. Each event is turned back into its command, and the rules of `lakehouse.domain` judge
that on the state without the events. A refused command is left out and reported with its code. The
journal does not record the requested schema change, so an event that changed a schema counts as
permitted to; nor which version a restore or pin found, so one that names absent objects is left out.
"""

from typing import assert_never

import msgspec

from journal.access_events import AccessChange, AccessEvent
from journal.definition_events import SourceChange, SourceEvent
from journal.event_parts import changes_of, names_of, version_of
from journal.events import (
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
    Event,
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
    TypedChange,
    ViewDropped,
    ViewPut,
)
from journal.store_events import StoreChange, StoreEvent
from lakehouse.admin import what_if_rows
from lakehouse.domain.access import rules as access_rules
from lakehouse.domain.commands import (
    AdoptLake,
    Command,
    DropDataset,
    DropProfile,
    DropView,
    ForgetObject,
    MarkObjects,
    PinDataset,
    PutProfile,
    PutView,
    RaiseFormat,
    RecordCollected,
    RegisterDataset,
    RenameDataset,
    RestoreDataset,
    StoreObject,
    SwapDatasets,
    UnpinDataset,
)
from lakehouse.domain.counts import counted
from lakehouse.domain.decide import judge
from lakehouse.domain.decision import DataStep, NeedsData, Replayed, Unchanged
from lakehouse.domain.errors import Refused
from lakehouse.domain.sources import rules as source_rules
from lakehouse.domain.stores import rules as store_rules
from projections.catalog import Dataset, Ingested
from projections.fold import State, apply, apply_change
from projections.moment import Moment


class Left(msgspec.Struct, frozen=True):
    """An event that would have been refused too, with the code and detail of the refusal."""

    seq: int
    type: str
    code: str
    why: str


class WhatIf:
    """Two states: the actual one, and the one without some events."""

    def __init__(self, state: State, without: frozenset[int]) -> None:
        self.was = state
        self.now = state
        self.left: list[Left] = []
        self._without = without

    def add(self, event: Event, moment: Moment) -> None:
        """Apply the next event to both, or to the first alone."""
        before, self.was = self.was, apply(self.was, event, moment)
        if event.seq in self._without:
            return
        decided = _decided(event.data, before, self.now, moment)
        if isinstance(decided, Refused):
            self.left.append(Left(event.seq, event.type, decided.code, decided.detail))
            return
        again = msgspec.structs.replace(
            event, type=decided.TYPE, v=version_of(decided), data=decided
        )
        self.now = apply(self.now, again, moment)


def _decided(data: Data, before: State, now: State, moment: Moment) -> Data | Refused:
    """The event as decided on the state without the others; `before` is the actual state before it.

    A change set would not have happened if one of its changes had been refused.
    """
    if not isinstance(data, ChangeSetCommitted):
        return _decided_change(data, before, now)
    kept: list[TypedChange] = []
    for index, change in enumerate(changes_of(data)):
        decided = _decided_change(change, before, now)
        if isinstance(decided, Refused):
            return Refused(decided.code, f"change {index}: {decided.detail}")
        kept.append(TypedChange(decided.TYPE, decided))
        before = apply_change(before, change, moment)
        now = apply_change(now, decided, moment)
    return ChangeSetCommitted(tuple(kept))


def _decided_change(data: Change, before: State, now: State) -> Change | Refused:
    absent = _absent(data, before, now)
    if absent is not None:
        return absent
    decision = judge(now, command_of(data, before, now))
    match decision:
        case Refused():
            return decision
        case NeedsData(DataStep.FIND_ROWS | DataStep.PLAN_AGAIN, detail):
            return Refused("object_missing", detail)
        case NeedsData(_, detail):
            return Refused("objects_collected", detail)
        case Unchanged() | Replayed():
            return _unless_gc(data)
        case ChangeSetCommitted():
            raise TypeError("one change became a set of changes")
    return _unless_less(data, decision)


def _unless_gc(data: Change) -> Change | Refused:
    """An event that changes nothing is folded too: later ones may name its objects."""
    if isinstance(data, ObjectsMarked | ObjectsCollected):
        return Refused("object_in_use", "all of its objects are in use")
    if isinstance(data, StoreEvent):
        return Refused("object_missing", "none of its copies is needed")
    return data


def _unless_less(data: Change, decision: Change) -> Change | Refused:
    """Gc is judged for each object; an event is reported if some of its objects had to stay."""
    if not isinstance(data, ObjectsMarked | ObjectsCollected):
        return decision
    return decision if decision == data else Refused("object_in_use", "some objects are in use")


def command_of(data: Change, before: State, now: State) -> Command:
    """The command of an event, as a client would send it on the state `now`."""
    match data:
        case ObjectStored():
            return StoreObject(
                data.key,
                data.size_bytes,
                data.sha256,
                data.content_type,
                data.blob,
                block_hashes=data.block_hashes,
            )
        case ObjectForgotten():
            return ForgetObject(data.key)
        case DatasetRegistered(source=None, derivation=None):
            keys = tuple(item.key for item in data.objects)
            return RegisterDataset(data.name, data.schema_fingerprint, keys, data.row_count)
        case DatasetRegistered() | DatasetAppended() | DatasetRewritten() | RowsErased():
            return what_if_rows.command_of(data, before, now)
        case DatasetDropped() | DatasetRenamed() | DatasetsSwapped():
            return _naming(data)
        case DatasetRestored():
            return RestoreDataset(data.as_of_seq, _restored(data))
        case DatasetPinned():
            return PinDataset(data.as_of_seq, _pinned(data))
        case (
            DatasetUnpinned()
            | ObjectsMarked()
            | ObjectsCollected()
            | FormatRaised()
            | LakeAdopted()
        ):
            return _operation(data)
        case AccessEvent() | StoreEvent() | SourceEvent():
            return _of_lake(data)
    return _definition(data)


def _of_lake(data: AccessChange | StoreChange | SourceChange) -> Command:
    if isinstance(data, StoreEvent):
        return store_rules.command_of(data)
    if isinstance(data, SourceEvent):
        return source_rules.command_of(data)
    return access_rules.command_of(data)


def _naming(data: DatasetDropped | DatasetRenamed | DatasetsSwapped) -> Command:
    match data:
        case DatasetDropped():
            return DropDataset(data.name)
        case DatasetRenamed():
            return RenameDataset(data.name, data.to)
        case DatasetsSwapped():
            return SwapDatasets(data.a, data.b)
    assert_never(data)


def _definition(data: ViewPut | ViewDropped | ProfilePut | ProfileDropped) -> Command:
    match data:
        case ViewPut():
            return PutView(*msgspec.structs.astuple(data))
        case ViewDropped():
            return DropView(data.name)
        case ProfilePut():
            return PutProfile(data.name, data.names, data.others)
        case ProfileDropped():
            return DropProfile(data.name)
    assert_never(data)


def _operation(
    data: DatasetUnpinned | ObjectsMarked | ObjectsCollected | FormatRaised | LakeAdopted,
) -> Command:
    match data:
        case DatasetUnpinned():
            return UnpinDataset(data.name, data.as_of_seq)
        case ObjectsMarked():
            return MarkObjects(data.run, data.cutoff_seq, data.blobs)
        case ObjectsCollected():
            return RecordCollected(data.run, data.blobs)
        case FormatRaised():
            return RaiseFormat(data.slot)
        case LakeAdopted():
            return AdoptLake(data.previous_seq, data.previous_sha256, data.note)
    assert_never(data)


def _restored(data: DatasetRestored) -> Dataset:
    source = data.source
    sources = (
        (Ingested(source.sha256, source.size_bytes, source.options, data.as_of_seq),)
        if source
        else ()
    )
    return Dataset(
        data.dataset_id,
        data.name,
        data.schema_fingerprint,
        data.schema,
        data.objects,
        data.row_count,
        sources,
        data.renamed,
        data.quarantine,
        "",
        "",
        data.as_of_seq,
        data.derivation,
    )


def _pinned(data: DatasetPinned) -> Dataset:
    """The content of a pin: its blobs, since its rule reads nothing else."""
    objects = tuple(Object(blob, blob, 0, "", None) for blob in data.blobs)
    return Dataset("", data.name, "", None, objects, None, (), (), (), "", "", data.as_of_seq)


def _absent(data: Change, before: State, now: State) -> Refused | None:
    """The refusal of a restore or pin whose objects do not exist without those events."""
    if not isinstance(data, DatasetRestored | DatasetPinned):
        return None
    _, named = names_of(data)
    known, left = before.inventory.blobs, now.inventory.blobs
    missing = [blob for blob in named if blob in known and blob not in left]
    if not missing:
        return None
    detail = f"without those events {data.name} lacks {counted(len(missing), 'object')}"
    return Refused("object_missing", detail)
