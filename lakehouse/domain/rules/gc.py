"""The rules of gc: what may be marked, and what may be recorded as collected. Pure; a part of `decide`.

FORMAT.md, "Gc cannot race", gives the reasons. The candidates were found on an older state:
what has been needed since is left out here, the only place where that cannot race.
"""

from typing import assert_never

from journal.events import ObjectsCollected, ObjectsMarked
from lakehouse.domain.commands import MarkObjects, RecordCollected
from lakehouse.domain.decision import Decision, Unchanged
from projections import inventory
from projections.fold import State


def decide(state: State, command: MarkObjects | RecordCollected) -> Decision:
    """What becomes of a command of gc."""
    match command:
        case MarkObjects():
            return _mark(state, command)
        case RecordCollected():
            return _record(state, command)
    assert_never(command)


def _mark(state: State, command: MarkObjects) -> Decision:
    """Mark what is unneeded and not marked yet. A mark is final."""
    blobs = tuple(blob for blob in command.blobs if _may_go(state, blob, command.cutoff_seq))
    if not blobs:
        return Unchanged(None)
    return ObjectsMarked(command.run, command.cutoff_seq, blobs)


def _record(state: State, command: RecordCollected) -> Decision:
    """Record what is marked and not recorded yet."""
    blobs = tuple(blob for blob in command.blobs if blob in state.inventory.marked)
    return ObjectsCollected(command.run, blobs) if blobs else Unchanged(None)


def _may_go(state: State, blob: str, cutoff_seq: int) -> bool:
    now = state.inventory
    if blob in now.marked or blob in now.gone or blob in state.stores.blobs:
        return False
    return inventory.is_unneeded(now, blob, cutoff_seq)
