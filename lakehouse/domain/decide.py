"""The table of commands: decide(state, command, context) → an event's data, or why there is none. Pure.

Decided again at every attempt, on the state as the earlier commands of the batch leave it. An answer
without an event speaks about the present, so it is valid only together with a proof of the present.
The rules themselves are in `domain.rules`, by subject.
"""

from typing import assert_never

from journal.events import FormatRaised, LakeAdopted
from journal.slot import FORMAT
from lakehouse.domain.access import rules as access_rules
from lakehouse.domain.access.commands import AccessCommand, AnyAccessCommand
from lakehouse.domain.commands import (
    AdoptLake,
    Command,
    CommitChangeSet,
    CommitStaged,
    Context,
    DropDataset,
    DropProfile,
    DropView,
    EraseRows,
    ForgetObject,
    IngestDataset,
    MarkObjects,
    PinDataset,
    PutProfile,
    PutView,
    RaiseFormat,
    RecordCollected,
    RefreshDataset,
    RegisterDataset,
    RenameDataset,
    RestoreDataset,
    RewriteDataset,
    StoreObject,
    SwapDatasets,
    UndoChange,
    UnpinDataset,
)
from lakehouse.domain.decision import DataStep, Decision, NeedsData, Replayed, Unchanged
from lakehouse.domain.erasure import rules as erasure_rules
from lakehouse.domain.errors import Refused
from lakehouse.domain.rows import compaction_rules
from lakehouse.domain.rows.commands import CompactDataset
from lakehouse.domain.rules import change_sets as change_set_rules
from lakehouse.domain.rules import datasets as dataset_rules
from lakehouse.domain.rules import definitions as definition_rules
from lakehouse.domain.rules import gc as gc_rules
from lakehouse.domain.rules import ingest as ingest_rules
from lakehouse.domain.rules import objects as object_rules
from lakehouse.domain.rules import restore as restore_rules
from lakehouse.domain.rules import rewrites as rewrite_rules
from lakehouse.domain.rules import streams as stream_rules
from lakehouse.domain.rules import undo as undo_rules
from lakehouse.domain.sources import rules as source_rules
from lakehouse.domain.sources.commands import AnySourceCommand, SourceCommand
from lakehouse.domain.stores import rules as store_rules
from lakehouse.domain.stores.commands import AnyStoreCommand, StoreCommand
from projections import idempotency
from projections.fold import State


def decide(state: State, command: Command, context: Context) -> Decision:
    """What becomes of a command on this state. Idempotency comes first, whatever the command is."""
    if isinstance(command, IngestDataset) and command.first_line:
        found: Decision | None = stream_rules.out_of_turn(state, command, context)
    else:
        found = replayed(state, context)
    return found if found is not None else judge(state, command)


def judge(state: State, command: Command) -> Decision:
    """What the rules make of a command, regardless of who sends it and under which idempotency key."""
    match command:
        case StoreObject() | ForgetObject():
            return object_rules.decide(state, command)
        case IngestDataset() | RefreshDataset() | RewriteDataset() | CompactDataset():
            return _change_rows(state, command)
        case RegisterDataset() | DropDataset() | RenameDataset() | SwapDatasets():
            return dataset_rules.decide(state, command)
        case PutView() | DropView() | PutProfile() | DropProfile():
            return definition_rules.decide(state, command)
        case CommitStaged():
            return change_set_rules.commit_staged(state, command)
        case CommitChangeSet():
            return change_set_rules.commit(state, command, judge)
        case RestoreDataset() | PinDataset() | UnpinDataset():
            return restore_rules.decide(state, command)
        case MarkObjects() | RecordCollected() | AccessCommand() | StoreCommand() | SourceCommand():
            return _administer(state, command)
        case UndoChange() | AdoptLake() | RaiseFormat() | EraseRows():
            return _operate(state, command)
    assert_never(command)


def _change_rows(
    state: State, command: IngestDataset | RefreshDataset | RewriteDataset | CompactDataset
) -> Decision:
    match command:
        case IngestDataset() | RefreshDataset():
            return ingest_rules.decide(state, command)
        case RewriteDataset():
            return rewrite_rules.rewrite(state, command)
        case CompactDataset():
            return compaction_rules.compact(state, command)
    assert_never(command)


def replayed(state: State, context: Context) -> Replayed | Refused | None:
    """The answer of an idempotency key that was used before; None of a new one, or without one."""
    if not context.key:
        return None
    asked = (context.actor, context.key, context.request)
    seen = idempotency.find(state.requests, state.access, *asked)
    if seen is None:
        return None
    if seen.request == context.request:
        return Replayed(seen.position, seen.seq)
    return stream_rules.reused(seen)


def _administer(
    state: State,
    command: MarkObjects | RecordCollected | AnyAccessCommand | AnyStoreCommand | AnySourceCommand,
) -> Decision:
    if isinstance(command, SourceCommand):
        return source_rules.decide(state, command)
    if isinstance(command, AccessCommand):
        return access_rules.decide(state, command)
    if isinstance(command, StoreCommand):
        return store_rules.decide(state, command)
    return gc_rules.decide(state, command)


def _operate(state: State, command: UndoChange | AdoptLake | RaiseFormat | EraseRows) -> Decision:
    match command:
        case EraseRows():
            return erasure_rules.erase(state, command)
        case UndoChange():
            return _undo(state, command)
        case AdoptLake():
            return LakeAdopted(command.previous_seq, command.previous_sha256, command.note)
        case RaiseFormat():
            return _raise_format(state, command)
    assert_never(command)


def _undo(state: State, command: UndoChange) -> Decision:
    """The inverse, as long as no later change would be undone with it."""
    blocked = undo_rules.blocked(state, command)
    if blocked is not None:
        return blocked
    decision = judge(state, command.inverse)
    if isinstance(decision, Refused) and undo_rules.may_rebuild(state, command, decision):
        return NeedsData(DataStep.REBUILD, decision.detail)
    if isinstance(decision, NeedsData):
        detail = f"what was before event {command.seq} cannot be restored: {decision.detail}"
        return Refused("objects_collected", detail)
    return decision


def _raise_format(state: State, command: RaiseFormat) -> Decision:
    if command.slot > FORMAT:
        detail = f"this code writes slots of format {FORMAT} at most, not {command.slot}"
        return Refused("upgrade_required", detail)
    return Unchanged(None) if command.slot <= state.format else FormatRaised(command.slot)
