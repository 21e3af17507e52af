"""What must hold of collection whatever happens, judged by the store's own record of what it deleted.

Each rule of FORMAT.md, "Gc cannot race", has its promise here; `broken_gc` takes the
rules out one at a time.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Protocol

from tests.simulation.hosts import LAG_S, QUERY_S
from tests.simulation.plain_state import GRACE_S, PlainSlot, PlainState
from tests.simulation.record import Record

Event = dict[str, Any]


class Evidence(Protocol):
    """As `invariants.Evidence`."""

    record: Record
    objects: dict[str, bytes]
    slots: list[PlainSlot]
    states: list[PlainState]

    def seq_at(self, time: float) -> int: ...


def nothing_that_is_needed_is_deleted(evidence: Evidence) -> Iterator[str]:
    """The one that matters: from its deletion on no state and no pin refers to an object."""
    last: dict[str, int] = {}
    for state in evidence.states:
        last.update(dict.fromkeys(state.referred(), state.seq))
    for at, blob in evidence.record.deleted:
        if last.get(blob, -1) >= evidence.seq_at(at):
            yield f"{blob} was deleted at {at:.3f}, and event {last[blob]} refers to it"


def only_what_is_marked_is_deleted(evidence: Evidence) -> Iterator[str]:
    """Without a mark a restore could be decided meanwhile. And those who still read get their time."""
    # By its first mark: one that is forgotten and stored again late may be marked again.
    marked: dict[str, PlainSlot] = {}
    marks = [(slot, blob) for slot, _, blob in _named(evidence, "objects_marked")]
    for slot, blob in sorted(
        [*marks, *_erased(evidence)], key=lambda mark: mark[0].header["position"]
    ):
        marked.setdefault(blob, slot)
    for at, blob in evidence.record.deleted:
        first = marked.get(blob)
        if first is None or first.landed_at > at:
            yield f"{blob} was deleted at {at:.3f} without a mark"
        elif at < first.landed_at + LAG_S + QUERY_S:
            yield f"{blob} was deleted {at - first.landed_at:.3f} s after its mark"


def what_others_own_stays(evidence: Evidence) -> Iterator[str]:
    """Two lakes may share a bucket by mistake."""
    for key in evidence.record.foreign - evidence.objects.keys():
        yield f"{key} belongs to another lake and was deleted"


def the_window_stays_readable(evidence: Evidence) -> Iterator[str]:
    """What any state since the cut-off refers to stays; the cut-off is a retention before the head.

    The head that a run began on is not after the slot before its mark: of a lake in which nothing
    happens nothing grows old, however fast a clock runs.
    """
    for slot, event, blob in _named(evidence, "objects_marked"):
        cutoff = event["data"]["cutoff_seq"]
        position = slot.header["position"]
        before = evidence.slots[position - 2].header["at"] if position > 1 else slot.header["at"]
        if cutoff and _seconds(_at(evidence, cutoff), before) < evidence.record.retention_s:
            yield f"event {event['seq']} marks with the cut-off {cutoff}, inside the window"
        for state in evidence.states[cutoff : event["seq"]]:
            if blob in state.referred():
                yield f"event {event['seq']} marks {blob}, which event {state.seq} refers to"


def uploads_in_flight_have_their_grace(evidence: Evidence) -> Iterator[str]:
    """An object that nothing has referred to yet may be referred to in a moment."""
    ever = set().union(*(state.known for state in evidence.states))
    first: dict[str, float] = {}
    for at, blob in evidence.record.landed:
        first.setdefault(blob, at)
    for slot, event, blob in _named(evidence, "objects_marked"):
        age_s = slot.landed_at - first.get(blob, 0.0)
        if blob not in ever and age_s < GRACE_S:
            yield f"event {event['seq']} marks {blob}, uploaded {age_s:.3f} s before"


def what_is_recorded_was_deleted(evidence: Evidence) -> Iterator[str]:
    """Otherwise it would never be deleted: no later step searches for it."""
    deleted: dict[str, float] = {}
    for at, blob in evidence.record.deleted:
        deleted.setdefault(blob, at)
    landed = {blob: at for at, blob in reversed(evidence.record.landed)}
    for slot, event, blob in _named(evidence, "objects_collected"):
        there = landed.get(blob, slot.landed_at) < slot.landed_at
        if there and deleted.get(blob, slot.landed_at) >= slot.landed_at:
            yield f"event {event['seq']} records {blob}, which is there"


def what_is_collected_does_not_come_back(evidence: Evidence) -> Iterator[str]:
    """A late request may store it again; the next run sees to it, while its name is remembered."""
    for _, blobs in evidence.states[-1].gone:
        for blob in blobs:
            if blob in evidence.objects:
                yield f"{blob} was collected, and is there at the end"


COLLECTION = (
    nothing_that_is_needed_is_deleted,
    only_what_is_marked_is_deleted,
    what_others_own_stays,
    the_window_stays_readable,
    uploads_in_flight_have_their_grace,
    what_is_recorded_was_deleted,
    what_is_collected_does_not_come_back,
)


def _named(evidence: Evidence, type_: str) -> Iterator[tuple[PlainSlot, Event, str]]:
    """Every blob that an event of this type names."""
    for slot in evidence.slots:
        for event in slot.events:
            if event["type"] == type_:
                for blob in event["data"]["blobs"]:
                    yield slot, event, blob


def _erased(evidence: Evidence) -> Iterator[tuple[PlainSlot, str]]:
    """Every blob that an erasure replaced, which is its mark."""
    for slot in evidence.slots:
        for event in slot.events:
            if event["type"] == "rows_erased":
                for each in event["data"]["replaced"]:
                    yield slot, each["blob"]


def _at(evidence: Evidence, seq: int) -> str:
    for slot in evidence.slots:
        if slot.header["first_seq"] + slot.header["events"] > seq:
            return str(slot.header["at"])
    raise ValueError(f"no slot holds event {seq}")


def _seconds(first: str, last: str) -> float:
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
