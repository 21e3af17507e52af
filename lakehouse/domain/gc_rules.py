"""The rules of collection: what may be marked, and what may be called collected. Pure; a part of `decide`.

FORMAT.md, "Collection cannot race", gives the reasons. A collector found its candidates on a state
that is older than this one: whatever was needed meanwhile is dropped from its list here, and nowhere
else could it be done without a race.
"""

from journal.events import ObjectsCollected, ObjectsMarked
from lakehouse.domain.commands import MarkObjects, RecordCollected
from lakehouse.domain.decision import Decision, Unchanged
from projections import inventory
from projections.fold import State


def decide(state: State, command: MarkObjects | RecordCollected) -> Decision:
    """What becomes of a collector's command."""
    if isinstance(command, MarkObjects):
        return _mark(state, command)
    return _record(state, command)


def _mark(state: State, command: MarkObjects) -> Decision:
    """Mark those that nothing needs and nobody has marked. A mark is final."""
    blobs = tuple(blob for blob in command.blobs if _may_go(state, blob, command.cutoff_seq))
    if not blobs:
        return Unchanged(None)
    return ObjectsMarked(command.run, command.cutoff_seq, blobs)


def _record(state: State, command: RecordCollected) -> Decision:
    """Record those that are marked and that nobody has recorded."""
    blobs = tuple(blob for blob in command.blobs if blob in state.inventory.marked)
    return ObjectsCollected(command.run, blobs) if blobs else Unchanged(None)


def _may_go(state: State, blob: str, cutoff_seq: int) -> bool:
    now = state.inventory
    if blob in now.marked or blob in now.gone:
        return False
    return inventory.is_unneeded(now, blob, cutoff_seq)
