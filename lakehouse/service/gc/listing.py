"""Gc candidates from the state and from a listing: whose a key is, and whether it may go. Pure.

Judges by exact forms: a key that this lake did not mint is foreign, and is reported and left.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

import msgspec

from journal.bucket.keys import blob_tag
from journal.bucket.port import Stat
from journal.slot import format_at
from projections import inventory
from projections.fold import State
from projections.inventory import Inventory

RETENTION = timedelta(days=7)
"""How far back everything can be read, unless a request gives another age."""
GRACE = timedelta(hours=24)
"""How old an object must be that was never registered. A change is refused an hour after it was
accepted, so an upload that is older than that refers to nothing any more."""

UNREFERENCED = "unreferenced"
NEVER_REGISTERED = "never_registered"
MARKED = "marked"
COLLECTED = "collected"
FOREIGN = "foreign"
EXPIRED = "expired"
"""A batch of the audit that is past its retention."""
DERIVED = "derived"
"""Metadata of an Iceberg table that no present table needs."""


class GcCandidate(msgspec.Struct, frozen=True, gc=False):
    """An object and what gc makes of it; `key` is the user's, None where there never was one."""

    blob: str
    key: str | None
    size_bytes: int | None
    verdict: str
    why: str
    since: int | None = None


class GcScope(msgspec.Struct, frozen=True):
    """What decides in a run: the state it began on, its cut-off, and the grace, in the store's time."""

    run: str
    state: State
    cutoff_seq: int
    lake: str
    """As in a blob's tag."""
    grace_before: datetime
    request: str | None = None
    """The hash of the request, where its last event remembers an idempotency key."""


def known(plan: GcScope) -> Iterator[GcCandidate]:
    """The candidates in the state alone: blobs that nothing needs, and blobs that earlier runs marked."""
    inside = plan.state.inventory
    for stored, seq in inventory.gc_candidates(inside, plan.cutoff_seq):
        why = f"nothing refers to it since event {seq}"
        yield GcCandidate(stored.blob, stored.key, stored.size_bytes, UNREFERENCED, why, seq)
    for blob, seq in inside.marked.items():
        was = inside.blobs.get(blob)
        key, size_bytes = (was.key, was.size_bytes) if was else (None, None)
        yield GcCandidate(blob, key, size_bytes, MARKED, f"marked for removal by event {seq}", seq)


def listed(plan: GcScope, stat: Stat) -> GcCandidate | None:
    """The verdict about a listed object; None if the state alone decides it, or it must stay."""
    inside = plan.state.inventory
    tag = blob_tag(stat.key)
    if tag is None or tag.lake != plan.lake:
        return _finding(stat, FOREIGN, "this lake did not make it")
    if (seq := inside.gone.get(stat.key)) is not None:
        detail = f"collected by event {seq}, and stored again by a late request"
        return _finding(stat, COLLECTED, detail, seq)
    if stat.key in inside.blobs or stat.key in inside.marked or stat.key in plan.state.stores.blobs:
        return None
    if tag.mint_seq > plan.state.head.seq:
        # From a later event than this journal has: the bucket was restored, and the object may be
        # needed.
        return _finding(stat, FOREIGN, f"made at event {tag.mint_seq}, beyond this journal's head")
    if stat.modified_at >= plan.grace_before:
        return None
    detail = f"never registered, and there since {format_at(stat.modified_at)}"
    return _finding(stat, NEVER_REGISTERED, detail)


def due(now: Inventory, marked: Collection[str], reached_seq: int | None) -> list[str]:
    """Those of the marked blobs that may be deleted, in order of their keys.

    `reached_seq`: marks up to this event are old enough for readers of other engines; None: there are
    none. A blob that was never registered is in no snapshot. One that held erased rows does not wait.
    """
    if reached_seq is None:
        return sorted(marked)
    return sorted(
        blob
        for blob in marked
        if blob not in now.blobs or blob in now.erased or now.marked.get(blob, 0) <= reached_seq
    )


def _finding(stat: Stat, verdict: str, why: str, since: int | None = None) -> GcCandidate:
    return GcCandidate(stat.key, None, stat.size_bytes, verdict, why, since)
