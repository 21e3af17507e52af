"""Collection broken on purpose, one rule at a time, as somebody might who had not read FORMAT.md.

Each replaces a function of the product while a run lasts, as `broken_protocols` does.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from unittest import mock

import msgspec

from journal.bucket.keys import blob_tag
from journal.bucket.port import Stat
from lakehouse.domain.commands import MarkObjects, RecordCollected
from lakehouse.domain.rules import gc as gc_rules
from lakehouse.service.caller import Caller
from lakehouse.service.gc import listing
from lakehouse.service.gc.collector import GarbageCollector
from lakehouse.service.gc.listing import GcCandidate, GcScope
from lakehouse.service.gc.summary import GcProgress
from projections import inventory
from projections.fold import State
from projections.inventory import Inventory

_plan, _mark_some, _delete = (
    GarbageCollector.plan,
    GarbageCollector._mark_some,
    GarbageCollector._delete,
)
_listed, _lost_to, _is_unneeded = listing.listed, inventory.lost_to, inventory.is_unneeded


@contextmanager
def a_mark_is_not_final() -> Iterator[None]:
    """Decide lets a change refer to what is marked, as long as it is there."""

    def broken(inside: Inventory, blob: str) -> int | None:
        return None if blob in inside.marked else _lost_to(inside, blob)

    with mock.patch.object(inventory, "lost_to", broken):
        yield


@contextmanager
def what_is_gone_may_be_referred_to() -> Iterator[None]:
    """Decide forgets removals as soon as they are recorded."""

    def broken(inside: Inventory, blob: str) -> int | None:
        return None if blob in inside.gone else _lost_to(inside, blob)

    with mock.patch.object(inventory, "lost_to", broken):
        yield


@contextmanager
def there_is_no_horizon() -> Iterator[None]:
    """A blob whose removal is no longer remembered by name is taken for a new one."""

    def broken(inside: Inventory, blob: str) -> int | None:
        return inside.gone.get(blob, inside.marked.get(blob))

    with mock.patch.object(inventory, "lost_to", broken):
        yield


@contextmanager
def the_candidates_are_marked_as_found() -> Iterator[None]:
    """Decide drops nothing from a collector's list, though it was needed meanwhile."""

    def broken(state: State, blob: str, cutoff_seq: int) -> bool:
        return blob not in state.inventory.marked and blob not in state.inventory.gone

    with mock.patch.object(gc_rules, "_may_go", broken):
        yield


@contextmanager
def pins_are_overlooked() -> Iterator[None]:
    """What is pinned grows old like anything else."""

    def broken(inside: Inventory, blob: str, cutoff_seq: int) -> bool:
        return _is_unneeded(
            msgspec.structs.replace(inside, pinned=type(inside.pinned)()), blob, cutoff_seq
        )

    with mock.patch.object(inventory, "is_unneeded", broken):
        yield


@contextmanager
def deletion_comes_before_the_mark() -> Iterator[None]:
    """Candidates are deleted as they are found, and marked for the record."""

    async def broken(
        self: GarbageCollector,
        plan: GcScope,
        found: list[GcCandidate],
        caller: Caller,
        done: GcProgress,
    ) -> None:
        await self._node.bucket.delete_blobs([finding.blob for finding in found])
        await _mark_some(self, plan, found, caller, done)

    with mock.patch.object(GarbageCollector, "_mark_some", broken):
        yield


@contextmanager
def deletion_does_not_wait_for_the_mark() -> Iterator[None]:
    """What this run has found is deleted whether or not decide let it be marked."""
    found_by: dict[str, list[str]] = {}

    async def mark(
        self: GarbageCollector,
        plan: GcScope,
        found: list[GcCandidate],
        caller: Caller,
        done: GcProgress,
    ) -> None:
        found_by.setdefault(plan.run, []).extend(finding.blob for finding in found)
        await _mark_some(self, plan, found, caller, done)

    async def delete(
        self: GarbageCollector, plan: GcScope, caller: Caller, done: GcProgress
    ) -> None:
        await self._wait()
        await self._node.bucket.delete_blobs(found_by.get(plan.run, []))
        await _delete(self, plan, caller, done)

    with (
        mock.patch.object(GarbageCollector, "_mark_some", mark),
        mock.patch.object(GarbageCollector, "_delete", delete),
    ):
        yield


@contextmanager
def nobody_is_waited_for() -> Iterator[None]:
    """Deletion follows the mark at once: queries and followers still read what it takes."""

    async def broken(self: GarbageCollector) -> None:
        return None

    with mock.patch.object(GarbageCollector, "_wait", broken):
        yield


@contextmanager
def what_was_asked_is_recorded() -> Iterator[None]:
    """Recorded as collected is what the store was asked to delete, not what it answered."""

    async def broken(
        self: GarbageCollector, plan: GcScope, caller: Caller, done: GcProgress
    ) -> None:
        marked = tuple(self._node.state.inventory.marked)
        if not marked:
            return
        await self._wait()
        await self._node.bucket.delete_blobs(marked)
        await self._submit(RecordCollected(plan.run, marked), caller)

    with mock.patch.object(GarbageCollector, "_delete", broken):
        yield


@contextmanager
def what_comes_again_is_left() -> Iterator[None]:
    """A collected object that a late request stores again is nobody's any more."""

    def broken(plan: GcScope, stat: Stat) -> GcCandidate | None:
        found = _listed(plan, stat)
        return None if found is not None and found.verdict == listing.COLLECTED else found

    with mock.patch.object(listing, "listed", broken):
        yield


@contextmanager
def whose_an_object_is_does_not_matter() -> Iterator[None]:
    """Every key of a blob's form is this lake's."""

    def broken(plan: GcScope, stat: Stat) -> GcCandidate | None:
        tag = blob_tag(stat.key)
        return _listed(msgspec.structs.replace(plan, lake=tag.lake) if tag else plan, stat)

    with mock.patch.object(listing, "listed", broken):
        yield


@contextmanager
def there_is_no_grace() -> Iterator[None]:
    """What was never registered goes as soon as it is seen."""

    async def broken(self: GarbageCollector, older_than: timedelta) -> GcScope:
        plan = await _plan(self, older_than)
        return msgspec.structs.replace(plan, grace_before=plan.grace_before + listing.GRACE)

    with mock.patch.object(GarbageCollector, "plan", broken):
        yield


@contextmanager
def there_is_no_retention() -> Iterator[None]:
    """What nothing refers to now goes now."""

    async def broken(self: GarbageCollector, older_than: timedelta) -> GcScope:
        plan = await _plan(self, older_than)
        return msgspec.structs.replace(plan, cutoff_seq=plan.state.head.seq)

    with mock.patch.object(GarbageCollector, "plan", broken):
        yield


@contextmanager
def the_cutoff_is_the_clock_s() -> Iterator[None]:
    """The cut-off is now − retention, whatever the head's time: a fast clock destroys history."""

    async def broken(self: GarbageCollector, older_than: timedelta) -> GcScope:
        plan = await _plan(self, older_than)
        cutoff_seq = await self._node.past.seq_at(self._node.clock.now() - older_than)
        return msgspec.structs.replace(plan, cutoff_seq=cutoff_seq)

    with mock.patch.object(GarbageCollector, "plan", broken):
        yield


@contextmanager
def decide_gets_a_later_cutoff() -> Iterator[None]:
    """Decide judges by the head of now, not by the cut-off that the collector went by."""
    mark = gc_rules._mark

    def broken(state: State, command: MarkObjects) -> object:
        return mark(state, msgspec.structs.replace(command, cutoff_seq=state.head.seq))

    with mock.patch.object(gc_rules, "_mark", broken):
        yield


COLLECTIONS: tuple[Callable[[], object], ...] = (
    a_mark_is_not_final,
    what_is_gone_may_be_referred_to,
    there_is_no_horizon,
    the_candidates_are_marked_as_found,
    pins_are_overlooked,
    deletion_comes_before_the_mark,
    deletion_does_not_wait_for_the_mark,
    nobody_is_waited_for,
    what_was_asked_is_recorded,
    what_comes_again_is_left,
    whose_an_object_is_does_not_matter,
    there_is_no_grace,
    there_is_no_retention,
    the_cutoff_is_the_clock_s,
    decide_gets_a_later_cutoff,
)
