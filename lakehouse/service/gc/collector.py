"""One gc run: find what nothing refers to, mark it, wait, delete it, record it.

Owns the order of those steps; FORMAT.md, "Gc cannot race", has the reason for each. Must never
delete a key that is not marked in the journal, or recorded there as collected. A run may end at any
point, by a crash too: what is marked stays marked, and the next run on any node goes on with it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import timedelta
from itertools import islice

import msgspec

from journal.bucket.keys import BLOBS, ICEBERG, MAX_DELETED
from journal.bucket.port import Stat
from journal.clock import uuid7
from journal.slot import parse_at
from lakehouse.commit.batch import Recorded
from lakehouse.commit.limiter import Limiter
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Command, Context, MarkObjects, RecordCollected
from lakehouse.domain.decide import decide
from lakehouse.domain.decision import Replayed, Unchanged
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.progress import ProgressCallback, ignore_progress
from lakehouse.objects.stores.open_stores import main_alone
from lakehouse.service.access.permissions import require_admin
from lakehouse.service.caller import Caller
from lakehouse.service.changes import NOTHING_SHA256
from lakehouse.service.gc import listing
from lakehouse.service.gc.copies import CopyCollector, Submit
from lakehouse.service.gc.listing import GcCandidate, GcScope
from lakehouse.service.gc.summary import GcProgress, GcSummary, earlier_summary
from lakehouse.service.sql.queries import Queries
from projections import stores

PAGE = 1_000
REMOVED = (listing.UNREFERENCED, listing.NEVER_REGISTERED)


class GcWaits(msgspec.Struct, frozen=True):
    """How long marked objects stay for queries that may still read them. Seconds."""

    lag_s: float = 2.0
    """Until every follower knows of the marks."""
    query_s: float = 60.0
    """The longest query of another process."""
    engines_s: float = 3_600.0
    """The longest query of another engine, from the mark on, once the Iceberg catalog was used."""


class GarbageCollector:
    """Collects for one node; one run at a time."""

    def __init__(
        self, node: Node, queries: Queries, waits: GcWaits, copies: CopyCollector | None = None
    ) -> None:
        """`copies`: None where no store can be reached but the main one."""
        self._node = node
        self._copies = copies or CopyCollector(node, main_alone(node.bucket, node.clock))
        self._queries = queries
        self._waits = waits
        self._gate = Limiter(1, "gc run", retry_after_s=60)

    @property
    def silent_stores(self) -> tuple[str, ...]:
        """The stores that did not answer in the last run."""
        return tuple(sorted(self._copies.silent))

    @property
    def engines_wait(self) -> timedelta:
        """How long a reader of another engine may go on with the metadata that it has."""
        return timedelta(seconds=self._waits.engines_s)

    def require_admin(self, caller: Caller) -> None:
        """Raises RefusedError `forbidden` for a caller who has not all rights."""
        require_admin(self._node, caller)

    async def plan(self, older_than: timedelta) -> GcScope:
        """The basis of a run that begins now: the journal's present, and the age from which objects may go.

        Raises RefusedError where the present is out of reach.
        """
        node = self._node
        await node.refresh()
        if refused := node.writer.fault or node.lag_error:
            raise RefusedError(refused)
        state = node.state
        # A clock that is ahead must not cause deletions: in an idle lake no object gets older.
        now = min(node.clock.now(), parse_at(state.head.at)) if state.head.at else node.clock.now()
        cutoff_seq = await node.past.seq_at(now - older_than)
        run = uuid7(node.clock.now(), node.chance)
        lake = node.follower.journal.lake.lake[:8]
        grace_before = await node.bucket.now() - listing.GRACE
        return GcScope(run, state, cutoff_seq, lake, grace_before)

    async def survey(
        self, plan: GcScope, reached: ProgressCallback = ignore_progress
    ) -> AsyncIterator[GcCandidate]:
        """Everything that may be removed, and what is foreign.

        One LIST for each 1,000 objects of the bucket; `reached` is called with how many were listed.
        """
        for number, finding in enumerate(listing.known(plan)):
            yield finding
            if number % PAGE == 0:
                # Candidates of the state come without an await; other tasks need the loop too.
                await asyncio.sleep(0)
        count = 0
        async for stat in self._listed():
            count += 1
            if count % PAGE == 0:
                reached(count)
            if (found := listing.listed(plan, stat)) is not None:
                yield found
        reached(count)

    async def collect(
        self,
        plan: GcScope,
        caller: Caller,
        detail: Callable[[GcCandidate], None] = lambda _: None,
        payload_sha256: str = NOTHING_SHA256,
    ) -> GcProgress:
        """Carry it out; `detail` is called with each candidate.

        A run is several events. The last one keeps the idempotency key: sent again, a finished run
        returns its receipt, and an interrupted run continues.
        Raises RefusedError: `busy` while another run is under way here, `idempotency_key_reused`, and
        what submitting raises.
        """
        with self._gate.slot():
            if caller.idempotency_key is not None:
                plan = msgspec.structs.replace(plan, request=caller.request_hash(payload_sha256))
                if (was := await self._ended(plan, caller)) is not None:
                    return _retell(was, detail)
            done = GcProgress(plan.run, plan.cutoff_seq, seq=plan.state.head.seq)
            await self._mark(plan, caller, detail, done)
            await self._copies.release_strays(plan, self._submitting(caller, done))
            await self._delete(plan, caller, done)
            uploads = await self._node.bucket.abort_uploads(plan.lake, plan.grace_before)
            done.aborted_uploads = len(uploads)
            return done

    async def delete_marked(self, caller: Caller) -> int:
        """Delete what is marked now, after the readers' wait; how many objects were deleted.

        Waits for a run that is under way here. Raises what submitting raises.
        """
        while self._gate.inside:
            await self._node.clock.sleep(1)
        with self._gate.slot():
            state = self._node.state
            run = uuid7(self._node.clock.now(), self._node.chance)
            lake = self._node.follower.journal.lake.lake[:8]
            plan = GcScope(run, state, state.head.seq, lake, await self._node.bucket.now())
            done = GcProgress(run, state.head.seq)
            await self._copies.release_strays(plan, self._submitting(caller, done))
            await self._delete(plan, _unkeyed(caller), done)
            return done.deleted

    async def _ended(self, plan: GcScope, caller: Caller) -> GcSummary | None:
        """The run that an earlier request with the same key has made."""
        context = self._context(caller, plan.request)
        match decide(plan.state, RecordCollected(plan.run, ()), context):
            case Replayed(position, seq):
                return await earlier_summary(self._node, plan, (position, seq))
            case Refused() as refused:
                raise RefusedError(refused)
        return None

    async def _mark(
        self, plan: GcScope, caller: Caller, detail: Callable[[GcCandidate], None], done: GcProgress
    ) -> None:
        found: list[GcCandidate] = []
        again: list[str] = []
        async for finding in self.survey(plan):
            detail(finding)
            if finding.verdict in REMOVED:
                found.append(finding)
            elif finding.verdict == listing.COLLECTED:
                again.append(finding.blob)
            if len(found) == MAX_DELETED:
                await self._mark_some(plan, found, caller, done)
                found = []
            if len(again) == MAX_DELETED:
                done.deleted_again += len(await self._node.bucket.delete_blobs(again))
                again = []
        await self._mark_some(plan, found, caller, done)
        done.deleted_again += len(await self._node.bucket.delete_blobs(again))

    async def _mark_some(
        self, plan: GcScope, found: list[GcCandidate], caller: Caller, done: GcProgress
    ) -> None:
        """One event, or none. One at a time, so that at most one mark stands before a user's change."""
        blobs = tuple(sorted(finding.blob for finding in found))
        recorded = await self._submit(MarkObjects(plan.run, plan.cutoff_seq, blobs), caller)
        if recorded is None:
            return
        marked = set(recorded.event.data.blobs)  # type: ignore[union-attr]  # of ObjectsMarked
        done.marked += len(marked)
        done.marked_bytes += sum(each.size_bytes or 0 for each in found if each.blob in marked)
        done.seq = recorded.event.seq

    async def _delete(self, plan: GcScope, caller: Caller, done: GcProgress) -> None:
        """Delete what is marked by now, also by other processes: all marks have waited long enough.

        What readers of other engines may still need is left to a later run.
        """
        marked = self._node.state.inventory.marked
        released = list(stores.released(self._node.state.stores))
        if not marked and not released:
            return
        await self._wait()
        reached_seq = await self._engines_wait_seq()
        due = listing.due(self._node.state.inventory, marked, reached_seq)
        done.left += len(marked) - len(due)
        batches = list(_thousands(due))
        for number, blobs in enumerate(batches, 1):
            # Another run may have been faster: deleting twice is harmless, recording twice is refused.
            gone = await self._copies.delete_blobs(blobs)
            record = RecordCollected(plan.run, tuple(gone))
            request = plan.request if number == len(batches) else None
            recorded = await self._submit(record, caller, request)
            done.deleted += len(gone)
            done.left += len(blobs) - len(gone)
            done.seq = recorded.event.seq if recorded else done.seq
        submit = self._submitting(caller, done)
        old = [each for each in released if reached_seq is None or each[2] <= reached_seq]
        done.copies_deleted += await self._copies.delete_released(plan.run, old, submit)
        done.stores_unavailable = sorted(self._copies.silent)

    async def _wait(self) -> None:
        """Wait until no query can read by a state from before the marks.

        Queries of this process are known.
        """
        shared = await self._node.bucket.is_shared()
        if shared:
            await self._node.clock.sleep(self._waits.lag_s + self._waits.query_s)
        await self._queries.wait_until_ended()

    async def _engines_wait_seq(self) -> int | None:
        """The event up to which marks are old enough for other engines; None where none reads.

        Engines hold no lease. They read what the Iceberg catalog wrote below its prefix, so that what
        is there says to every process, after a restart too, whether the catalog was used.
        """
        node = self._node
        if not self._waits.engines_s or not await node.bucket.list_objects(ICEBERG, limit=1):
            return None
        return await node.past.seq_at(await node.bucket.now() - self.engines_wait)

    async def _submit(
        self, command: Command, caller: Caller, request: str | None = None
    ) -> Recorded | None:
        """The event that came of it; it keeps the idempotency key if `request` is given."""
        outcome = await self._node.writer.submit(command, self._context(caller, request))
        if isinstance(outcome, Recorded):
            return outcome
        if request is not None and not isinstance(outcome.decision, Unchanged):
            # Another node has used the key at the same time: what was done here is not undone.
            return await self._submit(command, caller)
        return None

    def _submitting(self, caller: Caller, done: GcProgress) -> Submit:
        """Commits commands of the run that remember no idempotency key."""
        unkeyed = _unkeyed(caller)

        async def submit(command: Command) -> None:
            recorded = await self._submit(command, unkeyed)
            done.seq = recorded.event.seq if recorded else done.seq

        return submit

    def _context(self, caller: Caller, request: str | None) -> Context:
        identity = uuid7(self._node.clock.now(), self._node.chance)
        return caller.context(identity, request)

    async def _listed(self) -> AsyncIterator[Stat]:
        for prefix in BLOBS:
            page = await self._node.bucket.list_objects(prefix, limit=PAGE)
            while page:
                for stat in page:
                    yield stat
                full = len(page) == PAGE
                page = await self._node.bucket.list_objects(prefix, page[-1].key) if full else []


def _unkeyed(caller: Caller) -> Caller:
    return msgspec.structs.replace(caller, idempotency_key=None)


def _retell(was: GcSummary, detail: Callable[[GcCandidate], None]) -> GcProgress:
    for finding in was.findings:
        detail(finding)
    return was.done


def _thousands(blobs: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(blobs)
    while some := list(islice(rest, MAX_DELETED)):
        yield some
