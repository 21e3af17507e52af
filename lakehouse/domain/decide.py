"""Every rule about what may happen: decide(state, command, context) → an event's data, or why none. Pure.

Decided again at every attempt, on the state as the earlier commands of the batch leave it. An answer
without an event speaks about the present, and so is worth nothing without proof of the present.
"""

from uuid import UUID, uuid5

from journal.events import (
    DatasetAppended,
    DatasetDropped,
    DatasetRegistered,
    FormatRaised,
    LakeAdopted,
    Object,
    ObjectForgotten,
    ObjectStored,
)
from journal.slot import FORMAT
from lakehouse.domain import gc_rules, restore_rules
from lakehouse.domain.commands import (
    AdoptLake,
    Command,
    Context,
    DropDataset,
    ForgetObject,
    IngestDataset,
    MarkObjects,
    PinDataset,
    RaiseFormat,
    RecordCollected,
    RegisterDataset,
    RestoreDataset,
    StoreObject,
    Table,
    UndoChange,
    UnpinDataset,
)
from lakehouse.domain.decision import Decision, NeedsData, Replayed, Unchanged
from lakehouse.domain.errors import Json, Refused
from lakehouse.domain.restore_rules import other_spelling
from lakehouse.domain.schema_rules import depends_on_values, may_change, schema_conflict
from projections import catalog, idempotency, inventory
from projections.catalog import Dataset
from projections.fold import State

DATASETS = UUID("a8f3c1d2-4e5b-5a6c-9d8e-7f0a1b2c3d4e")
"""Namespace of dataset ids: the same name is the same dataset on any machine, after any loss."""


def decide(state: State, command: Command, context: Context) -> Decision:
    """What becomes of a command on this state. Idempotency first, whatever the command is."""
    if (replayed := _replayed(state, context)) is not None:
        return replayed
    match command:
        case StoreObject():
            return _store(state, command)
        case ForgetObject():
            return _forget(state, command)
        case RegisterDataset():
            return _register(state, command)
        case IngestDataset():
            return _ingest(state, command)
        case DropDataset():
            return _drop(state, command)
        case RestoreDataset() | PinDataset() | UnpinDataset():
            return restore_rules.decide(state, command)
        case MarkObjects() | RecordCollected():
            return gc_rules.decide(state, command)
        case UndoChange() | AdoptLake() | RaiseFormat():
            return _operate(state, command, context)


def dataset_id(name: str) -> str:
    """UUIDv5 of the name as written."""
    return str(uuid5(DATASETS, name))


def _replayed(state: State, context: Context) -> Replayed | Refused | None:
    """What an idempotency key that was used before makes of a command."""
    seen = idempotency.find(state.requests, context.actor, context.key) if context.key else None
    if seen is None:
        return None
    if seen.request == context.request:
        return Replayed(seen.position, seen.seq)
    return Refused(
        "idempotency_key_reused", f"the key was used for another request, event {seen.seq}"
    )


def _store(state: State, command: StoreObject) -> Decision:
    now = inventory.current(state.inventory, command.key)
    if command.only_if_absent and now is not None:
        return Refused("key_exists", f"{command.key!r} is there since event {now.seq}")
    if now is not None and now.sha256 == command.sha256:
        return Unchanged(now.seq)
    if command.blob is None:
        return NeedsData("the bytes are not uploaded yet")
    if why := _unusable(state, (command.blob,)):
        return NeedsData(why, again=True)
    return ObjectStored(
        command.key,
        command.blob,
        command.size_bytes,
        command.sha256,
        command.content_type,
        command.block_hashes,
    )


def _forget(state: State, command: ForgetObject) -> Decision:
    blob = state.inventory.keys.get(command.key)
    if blob is None:
        return Unchanged(None)
    if inventory.is_held(state.inventory, blob):
        return Refused("object_in_use", f"a live dataset holds the version {command.key!r} names")
    return ObjectForgotten(command.key)


def _register(state: State, command: RegisterDataset) -> Decision:
    live = catalog.find(state.catalog, command.name)
    if refused := other_spelling(live, command.name):
        return refused
    if live is not None and live.schema_fingerprint != command.schema_fingerprint:
        return Refused(
            "fingerprint_conflict",
            f"{live.name} has fingerprint {live.schema_fingerprint!r},"
            f" not {command.schema_fingerprint!r}",
        )
    objects, missing = _current_objects(state, command.keys)
    if missing:
        rows: tuple[dict[str, Json], ...] = tuple({"key": key} for key in missing)
        return Refused("object_missing", f"{len(missing)} of the keys name no object", rows)
    if live is not None and (live.objects, live.row_count) == (objects, command.row_count):
        return Unchanged(live.seq)
    return DatasetRegistered(
        dataset_id(command.name),
        command.name,
        command.schema_fingerprint,
        live.schema if live else None,
        objects,
        command.row_count,
        None,
        (),
        (),
    )


def _ingest(state: State, command: IngestDataset) -> Decision:
    live = catalog.find(state.catalog, command.name)
    if refused := other_spelling(live, command.name):
        return refused
    if live is not None and (since := _reused(live, command)) is not None:
        return Unchanged(since)
    if (
        live is not None
        and command.dedupe
        and catalog.unnamed(live) not in (None, command.earlier_at)
    ):
        return NeedsData("what the dataset was restored from is not looked up yet")
    if unknown := _not_in_quarantine(live, command.retries):
        return Refused("quarantine_not_found", f"{command.name} has no quarantine {unknown!r}")
    if command.table is None:
        return NeedsData("the file is not read yet")
    if (unready := _held_against(live, command, command.table)) is not None:
        return unready
    if not command.table.uploaded:
        return NeedsData("the objects are not uploaded yet")
    brought = command.table.objects + command.table.quarantine
    if why := _unusable(state, tuple(item.blob for item in brought)):
        return NeedsData(why, again=True)
    if live is not None and command.mode == "append":
        return _appended(live, command, command.table)
    return _registered(command, command.table)


def _held_against(
    live: Dataset | None, command: IngestDataset, table: Table
) -> NeedsData | Refused | None:
    """Why a file as it was read does not go with the dataset as it is now, or None."""
    if command.read_under != (live.schema_fingerprint if live else None):
        return NeedsData("the dataset's contract has changed since the file was read")
    if live is None or live.schema_fingerprint == table.schema_fingerprint:
        return None
    if not may_change(live, command, table):
        return schema_conflict(live, table)
    looked = command.mode == "replace" or command.read_at == live.seq
    if not looked and depends_on_values(live, table):
        return NeedsData("the dataset's values have changed since they were looked at")
    return None


def _drop(state: State, command: DropDataset) -> Decision:
    live = catalog.find(state.catalog, command.name)
    if live is None:
        return Refused("dataset_not_found", f"there is no dataset {command.name}")
    return DatasetDropped(live.name, live.dataset_id)


def _undo(state: State, command: UndoChange, context: Context) -> Decision:
    """What came later would be undone with it, so it must be undone first."""
    later = restore_rules.overtaken(state, command.seq, command.did)
    if later is not None:
        detail = f"{later}; undo that first, or restore by name"
        return Refused("undo_conflict", detail)
    decision = decide(state, command.inverse, context)
    if isinstance(decision, NeedsData):
        return Refused("objects_collected", f"what was before cannot be had: {decision.why}")
    return decision


def _operate(
    state: State, command: UndoChange | AdoptLake | RaiseFormat, context: Context
) -> Decision:
    match command:
        case UndoChange():
            return _undo(state, command, context)
        case AdoptLake():
            return LakeAdopted(command.previous_seq, command.previous_sha256, command.note)
        case RaiseFormat():
            return _raise_format(state, command)


def _raise_format(state: State, command: RaiseFormat) -> Decision:
    if command.slot > FORMAT:
        detail = f"this code writes slots of format {FORMAT} at most, not {command.slot}"
        return Refused("upgrade_required", detail)
    return Unchanged(None) if command.slot <= state.format else FormatRaised(command.slot)


def _current_objects(
    state: State, keys: tuple[str, ...]
) -> tuple[tuple[Object, ...], tuple[str, ...]]:
    """The versions that the keys name now, and the keys that name none."""
    found = {key: inventory.current(state.inventory, key) for key in keys}
    objects = tuple(
        Object(now.key, now.blob, now.size_bytes, now.sha256, now.row_count)
        for now in found.values()
        if now is not None
    )
    return objects, tuple(key for key, now in found.items() if now is None)


def _reused(live: Dataset, command: IngestDataset) -> int | None:
    """The seq of the event that brought this very source, if it makes this command needless."""
    if len(live.sources) != 1 if command.mode == "replace" else not command.dedupe:
        return None
    looked = command.earlier_at is not None and command.earlier_at == catalog.unnamed(live)
    same = [
        each.seq
        for each in (command.earlier if looked else ()) + live.sources
        if (each.sha256, each.options) == (command.source.sha256, command.source.options)
    ]
    return same[0] if same else None


def _not_in_quarantine(live: Dataset | None, keys: tuple[str, ...]) -> str | None:
    """The first of these keys that names nothing in the dataset's quarantine: not, or no longer."""
    there = {item.key for item in live.quarantine} if live else set()
    return next((key for key in keys if key not in there), None)


def _unusable(state: State, blobs: tuple[str, ...]) -> str | None:
    """Why one of these blobs may not be referred to: a mark is final."""
    for blob in blobs:
        if (seq := inventory.lost_to(state.inventory, blob)) is not None:
            return f"an uploaded object was marked for collection by event {seq}"
    return None


def _registered(command: IngestDataset, table: Table) -> DatasetRegistered:
    return DatasetRegistered(
        dataset_id(command.name),
        command.name,
        table.schema_fingerprint,
        table.schema,
        table.objects,
        table.row_count,
        command.source,
        table.renamed,
        table.quarantine,
    )


def _appended(live: Dataset, command: IngestDataset, table: Table) -> DatasetAppended:
    return DatasetAppended(
        live.dataset_id,
        live.name,
        table.schema_fingerprint,
        table.schema,
        table.objects,
        table.row_count,
        command.source,
        table.renamed,
        table.quarantine,
    )
