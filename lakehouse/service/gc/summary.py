"""What a gc run did: counted while it runs, or read back from its events.

Must never ask the store: what is read back is what the journal holds.
"""

from contextlib import aclosing
from datetime import timedelta

import msgspec

from journal.clock import uuid7_time
from journal.event_records import Place
from journal.events import Event, ObjectsCollected, ObjectsMarked
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.gc import listing
from lakehouse.service.gc.listing import NEVER_REGISTERED, GcCandidate, GcScope


class GcProgress(msgspec.Struct):
    """What a run has done so far. Numbers of objects, except for `marked_bytes` and the seqs."""

    run: str
    cutoff_seq: int
    marked: int = 0
    marked_bytes: int = 0
    deleted: int = 0
    deleted_again: int = 0
    """Of those that were collected before, and listed again."""
    left: int = 0
    """Marked and not deleted: a later run continues with them."""
    aborted_uploads: int = 0
    copies_deleted: int = 0
    stores_unavailable: list[str] = []
    seq: int = 0


class GcSummary(msgspec.Struct, frozen=True):
    """What a run that has ended found and did."""

    findings: list[GcCandidate]
    done: GcProgress


async def earlier_summary(node: Node, plan: GcScope, last: Place) -> GcSummary:
    """The summary of the earlier run whose last event is at `last`; `plan`: of the same request,
    made now.

    Not in the journal, and so not in the summary: what was foreign, what came again, the sizes of what was
    never registered, and uploads that were aborted. Costs what was committed while the run went on.
    """
    events = await _events(node, last)
    marks = [event.data for event in events if isinstance(event.data, ObjectsMarked)]
    marked = {blob for mark in marks for blob in mark.blobs}
    deleted = {blob for event in events for blob in _deleted(event)}
    before = await node.past.state_at(events[0].seq - 1)
    cutoff_seq = marks[0].cutoff_seq if marks else plan.cutoff_seq
    known = list(listing.known(msgspec.structs.replace(plan, state=before, cutoff_seq=cutoff_seq)))
    strange = marked - {finding.blob for finding in known}
    findings = known + [_never_registered(blob) for blob in sorted(strange)]
    done = GcProgress(
        _run(events[-1]),
        cutoff_seq,
        marked=len(marked),
        marked_bytes=sum(each.size_bytes or 0 for each in findings if each.blob in marked),
        deleted=len(deleted),
        left=len(marked.union(before.inventory.marked) - deleted),
        seq=last[1],
    )
    return GcSummary(findings, done)


async def _events(node: Node, last: Place) -> list[Event]:
    """The events of a run, oldest first. A run's id contains its start time."""
    _, event = await node.past.event_at(last)
    run = _run(event)
    before = await node.past.seq_at(uuid7_time(run) - timedelta(microseconds=1))
    first = (await node.past.slot_of(min(before + 1, last[1]))).header.position
    found: list[Event] = []
    async with aclosing(node.follower.journal.history(first, last[0])) as slots:
        async for slot in slots:
            found += [each for each in slot.events if each.seq <= last[1] and _is_of(each, run)]
    return found


def _is_of(event: Event, run: str) -> bool:
    return isinstance(event.data, ObjectsMarked | ObjectsCollected) and event.data.run == run


def _run(event: Event) -> str:
    if not isinstance(event.data, ObjectsCollected):
        detail = f"event {event.seq} does not end a gc run"
        raise RefusedError(Refused("internal_error", detail))
    return event.data.run


def _deleted(event: Event) -> tuple[str, ...]:
    return event.data.blobs if isinstance(event.data, ObjectsCollected) else ()


def _never_registered(blob: str) -> GcCandidate:
    return GcCandidate(blob, None, None, NEVER_REGISTERED, "never registered")
