"""Ingest: a spooled CSV becomes a dataset's objects, or is refused, whole either way."""

from concurrent.futures import Executor
from pathlib import Path

from journal.events import Event
from lakehouse.api import receipts
from lakehouse.api.receipts import Receipt
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.progress import ProgressCallback, ignore_progress
from lakehouse.domain.validation import check_name
from lakehouse.formats.limits import IngestLimits
from lakehouse.process.spool import Spooled
from lakehouse.service.caller import Caller
from lakehouse.service.changes import Settled, settle
from lakehouse.service.ingest.dry_run import rehearse
from lakehouse.service.ingest.job import IngestJob
from lakehouse.service.ingest.plan import IngestPlan
from lakehouse.service.ingest.prefetch import Prefetch, Prefetcher
from lakehouse.service.ingest.rejections import Rejections
from lakehouse.service.ingest.work_dir import work_dir
from lakehouse.service.objects import VerifiedObjects
from projections import catalog

__all__ = ["Ingest", "IngestPlan"]


class Ingest:
    """Carries files into datasets."""

    def __init__(
        self,
        node: Node,
        objects: VerifiedObjects,
        pool: Executor,
        lane: Executor,
        spool_dir: Path,
        upload_bytes: int,
        rejections: Rejections,
    ) -> None:
        self._node = node
        self._objects = objects
        self._rejections = rejections
        self._pool = pool
        self._lane = lane
        """For what is read in a millisecond: one file after the other, since several threads at it
        would spend as much again on passing the interpreter's lock around."""
        self._spool_dir = spool_dir
        self._limits = IngestLimits(decoded_bytes=upload_bytes)
        self.ahead = Prefetcher(node, pool, spool_dir, self._limits)

    async def ingest(
        self,
        plan: IngestPlan,
        file: Spooled,
        caller: Caller,
        ahead: Prefetch | None = None,
        reached: ProgressCallback = ignore_progress,
    ) -> Receipt:
        """Make or extend the dataset by the file's rows: its manifest, and what the file brought.

        `ahead` is the same file's reading that was begun while it came, if one was; `reached` is
        told of the rows that are written, where there was none.
        Raises RefusedError: `invalid_name`, `name_taken`, `schema_conflict`, `empty_csv`,
        `malformed_csv`, `malformed_encoding`, `value_does_not_fit`, `too_large`, and what settle
        raises. Nothing is referred to before all of it is in the bucket.
        """
        check_name(plan.name)
        with self._rejections.noted(plan, file, caller):
            async with work_dir(self._spool_dir, self._pool) as place:
                reader = self._lane if plan.is_quick(file) else self._pool
                job = IngestJob(
                    *(self._node, self._objects, reader, self._limits, plan, file, place),
                    ahead,
                    reached,
                )
                command = plan.command(file)
                settled = await settle(self._node, command, caller, file.sha256, job)
                return await self._receipt(plan, settled)

    async def rehearse(
        self,
        plan: IngestPlan,
        file: Spooled,
        caller: Caller,
        reached: ProgressCallback = ignore_progress,
    ) -> Receipt:
        """What `ingest` would do just now, and what it would refuse. Writes nothing to the bucket.

        Raises RefusedError only for what hinders the rehearsal itself.
        """
        check_name(plan.name)
        async with work_dir(self._spool_dir, self._pool) as place:
            job = IngestJob(
                *(self._node, self._objects, self._pool, self._limits, plan, file, place),
                reached=reached,
                dry_run=True,
            )
            return await rehearse(self._node, plan, file, job)

    async def _receipt(self, plan: IngestPlan, settled: Settled) -> Receipt:
        dataset = catalog.find(settled.state.catalog, plan.name)
        event = settled.event or await self._event(settled.seq)
        if dataset is None:
            raise RefusedError(Refused("internal_error", "what was ingested is not in the catalog"))
        reused = settled.event is None
        duplicate_of = settled.seq if reused and plan.mode == "append" else None
        body = receipts.ingested(
            dataset, settled.state, event, reused=reused, duplicate_of=duplicate_of
        )
        return Receipt(body, settled.seq)

    async def _event(self, seq: int) -> Event:
        _, event = await self._node.past.event(seq)
        return event
