"""Garbage collection as one use case: report what may be removed, and remove it unless it is a dry run."""

import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import msgspec

from journal.bucket.keys import MAX_DELETED
from journal.bucket.port import Bucket, Stat
from lakehouse.api.gc import GcObject, GcReport, GcRequest
from lakehouse.api.versioned import Versioned
from lakehouse.audit.reading import expired
from lakehouse.domain.points_in_time import age
from lakehouse.domain.progress import ProgressCallback, ignore_progress
from lakehouse.service.caller import Caller
from lakehouse.service.gc import listing
from lakehouse.service.gc.collector import GarbageCollector
from lakehouse.service.gc.listing import GcCandidate, GcScope
from lakehouse.service.gc.summary import GcProgress
from lakehouse.service.iceberg.use_case import IcebergCatalog

MAX_LISTED = 10_000
"""How many objects a report lists; it counts all of them."""


class Gc:
    """The garbage collection of one node."""

    def __init__(
        self,
        collector: GarbageCollector,
        bucket: Bucket,
        audit_retention: timedelta,
        iceberg: IcebergCatalog,
    ) -> None:
        self._iceberg = iceberg
        self._collector = collector
        self._bucket = bucket
        self._audit_retention = audit_retention

    async def run(
        self,
        caller: Caller,
        request: GcRequest,
        payload: bytes = b"",
        found: Callable[[GcObject], None] = lambda _: None,
        max_listed: int | None = MAX_LISTED,
        reached: ProgressCallback = ignore_progress,
    ) -> Versioned[GcReport]:
        """Report what may be removed and, unless it is a dry run, remove it.

        `found` is called for each object on the way, `reached` in a dry run with how many objects of
        the bucket were looked at; the report lists up to `max_listed` of each
        kind, all for None. Raises RefusedError: `busy`, `idempotency_key_reused`, and what a commit
        raises.
        """
        self._collector.require_admin(caller)
        older_than = listing.RETENTION
        if request.older_than is not None:
            older_than = age(request.older_than)
        scope = await self._collector.plan(older_than)
        tally = _Tally(found, max_listed)
        if request.dry_run:
            async for candidate in self._collector.survey(scope, reached):
                tally.add(candidate)
            await self._expire(tally, apply=False)
            return Versioned(tally.report(scope, None), scope.state.head.seq)
        sha256 = hashlib.sha256(payload).hexdigest()
        done = await self._collector.collect(scope, caller, tally.add, sha256)
        await self._expire(tally, apply=True)
        return Versioned(tally.report(scope, done), done.seq)

    async def _expire(self, tally: "_Tally", *, apply: bool) -> None:
        """Report what is in the bucket beside the data and is not needed any more; delete it to `apply`.

        That is: batches of the audit past their retention, and metadata of Iceberg tables that no
        table of now has. No event: nothing refers to them. What the store does not delete is left to
        the next run.
        """
        now = await self._bucket.now()
        old = expired(self._bucket, now - self._audit_retention)
        why = "the audit of that day is past its retention"
        await self._remove(tally, old, listing.EXPIRED, why, apply=apply)
        dead = self._iceberg.dead(now - max(listing.GRACE, self._collector.engines_wait))
        why = "metadata of an Iceberg table that no present table needs"
        await self._remove(tally, dead, listing.DERIVED, why, apply=apply)

    async def _remove(
        self, tally: "_Tally", stats: AsyncIterator[Stat], verdict: str, why: str, *, apply: bool
    ) -> None:
        found: list[str] = []
        async for stat in stats:
            tally.add(GcCandidate(stat.key, None, stat.size_bytes, verdict, why))
            found.append(stat.key)
            if apply and len(found) == MAX_DELETED:
                await self._bucket.delete_blobs(found)
                found = []
        if apply and found:
            await self._bucket.delete_blobs(found)


class _Tally:
    """The objects of one run: the first of them listed, all of them counted."""

    def __init__(self, found: Callable[[GcObject], None], max_listed: int | None) -> None:
        self._found = found
        self._max_listed = max_listed
        self._objects: list[GcObject] = []
        self._foreign: list[GcObject] = []
        self._count = 0
        self._size_bytes = 0
        self._foreign_count = 0

    def add(self, candidate: GcCandidate) -> None:
        row = GcObject(
            candidate.blob,
            candidate.key,
            candidate.size_bytes,
            candidate.verdict,
            candidate.why,
            candidate.since,
        )
        self._found(row)
        rows = self._objects
        if candidate.verdict == listing.FOREIGN:
            rows = self._foreign
            self._foreign_count += 1
        else:
            self._count += 1
            self._size_bytes += candidate.size_bytes or 0
        if self._max_listed is None or len(rows) < self._max_listed:
            rows.append(row)

    def report(self, scope: GcScope, done: GcProgress | None) -> GcReport:
        """`done` is None for a dry run. A run that is repeated has its own id and cut-off."""
        report = GcReport(
            dry_run=done is None,
            run=scope.run,
            cutoff_seq=scope.cutoff_seq,
            objects=self._objects,
            object_count=self._count,
            size_bytes=self._size_bytes,
            foreign=self._foreign,
            foreign_count=self._foreign_count,
            seq=scope.state.head.seq,
        )
        if done is None:
            return report
        return msgspec.structs.replace(report, **msgspec.structs.asdict(done))
