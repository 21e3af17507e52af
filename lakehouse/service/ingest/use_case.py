"""Ingest: receive a file, and make it rows of a dataset, or refuse it; whole either way."""

from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from journal.event_records import REPLACING_ROWS
from journal.events import Event
from lakehouse.api.ingest.answers import IngestDryRun, IngestReceipt, StagedIngest
from lakehouse.api.versioned import Versioned
from lakehouse.commit.limiter import Limiter
from lakehouse.commit.node import Node
from lakehouse.domain.access.rights import WRITE
from lakehouse.domain.commands import Command, IngestDataset
from lakehouse.domain.decision import DataStep
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.progress import ProgressCallback, ignore_progress
from lakehouse.domain.validation import check_name
from lakehouse.formats.reader import Parsed
from lakehouse.process.growing_file import GrowingFile
from lakehouse.process.spool import Spooled, spooled
from lakehouse.service import presentation
from lakehouse.service.access.permissions import require
from lakehouse.service.access.quotas import INGESTS, Quotas
from lakehouse.service.caller import Caller
from lakehouse.service.catalog.staging import Staging
from lakehouse.service.changes import NOTHING_SHA256, Settled, foresee, settle
from lakehouse.service.ingest.dry_run import dry_run
from lakehouse.service.ingest.job import IngestJob
from lakehouse.service.ingest.memory import IngestMemory
from lakehouse.service.ingest.plan import IngestPlan, check_plan
from lakehouse.service.ingest.prefetch import Prefetch, Prefetcher
from lakehouse.service.ingest.rejections import Rejections
from lakehouse.service.ingest.replaced_rows import ReplacedRows, RowReplacement
from lakehouse.service.ingest.work_dir import WorkDir, work_dir
from lakehouse.service.objects import VerifiedObjects
from projections import catalog
from projections.catalog import Dataset

__all__ = ["Ingest", "IngestPlan"]

BACKGROUND_SHARE = 4
"""A file that no client waits for is received while less than this part of the places is taken."""


class Upload(msgspec.Struct, frozen=True):
    """A file that was received whole, and how far it was read while it arrived, if it was."""

    file: Spooled
    ahead: Prefetch | None = None

    @property
    def size_bytes(self) -> int:
        """Its size as received."""
        return self.file.size_bytes


class Ingest:
    """Carries files into datasets."""

    def __init__(
        self,
        node: Node,
        objects: VerifiedObjects,
        pool: Executor,
        lane: Executor,
        spool_dir: Path,
        memory: IngestMemory,
        rejections: Rejections,
        uploads: Limiter,
        replacement: RowReplacement,
        quotas: Quotas,
    ) -> None:
        self.max_bytes = memory.limits.decoded_bytes
        """How large a file may be, as received and as decoded."""
        self._uploads = uploads
        self._node = node
        self._objects = objects
        self._rejections = rejections
        self._pool = pool
        self._lane = lane
        """For what is read in a millisecond: one file after the other, since several threads at it
        would spend as much again on passing the interpreter's lock around."""
        self._spool_dir = spool_dir
        self._staging = Staging(node)
        self._memory = memory
        self._ahead = Prefetcher(node, pool, spool_dir, memory)
        self._replacement = replacement
        self._quotas = quotas

    def check_writable(self, caller: Caller, name: str) -> None:
        """Raises RefusedError: `invalid_name`; `forbidden` unless the caller may write the dataset."""
        check_name(name)
        require(self._node, caller, WRITE, name)

    @asynccontextmanager
    async def received(
        self,
        caller: Caller,
        chunks: AsyncIterator[bytes],
        early_plan: Callable[[], IngestPlan | None] = lambda: None,
        *,
        explains: bool = False,
    ) -> AsyncIterator[Upload]:
        """A file, kept on disk or in memory while the context lasts.

        A large one is read while it arrives if `early_plan`, called then, returns its plan; `explains`:
        it is to be staged, with why each column has its type.
        Raises RefusedError: `busy`, `too_large`, `insufficient_storage`, and what `chunks` raises.
        """
        with self._quotas.use(caller, INGESTS), self._uploads.slot():
            async with AsyncExitStack() as stack:
                ahead = await stack.enter_async_context(self._ahead.reading())

                def begun(file: GrowingFile) -> None:
                    if (plan := early_plan()) is not None:
                        ahead.begin(plan, file, explains=explains)

                context = spooled(chunks, self._spool_dir, self.max_bytes, self._pool, begun)
                yield Upload(await stack.enter_async_context(context), ahead)

    async def ingest(
        self,
        caller: Caller,
        plan: IngestPlan,
        upload: Upload,
        reached: ProgressCallback = ignore_progress,
    ) -> Versioned[IngestReceipt]:
        """Make or extend the dataset by the file's rows.

        `reached` is called with the number of rows written, unless they were read ahead.
        Raises RefusedError: `invalid_name`, `name_taken`, `schema_conflict`, `empty_csv`,
        `malformed_csv`, `malformed_encoding`, `value_does_not_fit`, `too_large`, and what settle
        raises. Nothing is referred to before all of it is in the bucket.
        """
        settled, parsed = await self._settled(caller, plan, upload, reached)
        if settled.event is None and _without_rows(plan, parsed):
            dataset = _ingested(plan, settled)
            body = presentation.unchanged(dataset, settled.state, plan.source(upload.file))
            return Versioned(body, settled.seq)
        return await self._receipt(plan, settled)

    async def receive(self, caller: Caller, plan: IngestPlan, upload: Upload) -> Settled:
        """As `ingest`, for a file of a watched source: no event if it is in already."""
        settled, _ = await self._settled(caller, plan, upload, ignore_progress)
        return settled

    @property
    def has_room(self) -> bool:
        """Whether few files are received now, so that a file which no client waits for may be."""
        return self._uploads.inside * BACKGROUND_SHARE < self._uploads.limit

    async def _settled(
        self, caller: Caller, plan: IngestPlan, upload: Upload, reached: ProgressCallback
    ) -> tuple[Settled, Parsed | None]:
        """The outcome, and the file if it was read."""
        check_plan(plan)
        self.check_writable(caller, plan.name)
        file, ahead = upload.file, upload.ahead
        with self._rejections.noted(plan, file, caller):
            async with self._replacing(caller, plan) as (place, replaced):
                reader = self._lane if plan.is_quick(file) else self._pool
                job = IngestJob(
                    *(self._node, self._objects, reader, self._memory, plan, file, place),
                    ahead,
                    reached,
                    replaced=replaced,
                )
                command = plan.command(file)
                # The groups of a stream are one request.
                payload = NOTHING_SHA256 if plan.lines else file.sha256
                settled = await settle(self._node, command, caller, payload, job)
                return settled, job.parsed

    async def stage(
        self,
        caller: Caller,
        plan: IngestPlan,
        upload: Upload,
        reached: ProgressCallback = ignore_progress,
    ) -> Versioned[StagedIngest]:
        """Read, judge and upload as `ingest` does, without an event: a change set commits it later.

        Raises RefusedError as `ingest` does. Under no idempotency key: each call stages once more.
        """
        check_plan(plan)
        self.check_writable(caller, plan.name)
        began_at, file = self._node.clock.now(), upload.file
        with self._rejections.noted(plan, file, caller):
            async with self._replacing(caller, plan) as (place, replaced):
                job = IngestJob(
                    *(self._node, self._objects, self._pool, self._memory, plan, file, place),
                    upload.ahead,
                    reached,
                    replaced=replaced,
                    explains=True,
                )
                foreseen = await foresee(self._node, plan.command(file), job)
                if foreseen.refused is not None:
                    raise RefusedError(foreseen.refused)
                ingest = await _uploaded(foreseen.command, job)
        staged, expires_at = await self._staging.store(caller, ingest, began_at)
        reasons = job.parsed.reasons if job.parsed else ()
        seq = self._node.state.head.seq
        body = presentation.staged(staged, expires_at, ingest, seq, reasons)
        return Versioned(body, body.seq)

    async def dry_run(
        self,
        caller: Caller,
        plan: IngestPlan,
        upload: Upload,
        reached: ProgressCallback = ignore_progress,
    ) -> Versioned[IngestDryRun]:
        """What `ingest` would do now, and how it would refuse. Writes nothing to the bucket.

        Raises RefusedError only for what prevents the dry run itself.
        """
        check_plan(plan)
        self.check_writable(caller, plan.name)
        file = upload.file
        async with self._replacing(caller, plan, dry_run=True) as (place, replaced):
            job = IngestJob(
                *(self._node, self._objects, self._pool, self._memory, plan, file, place),
                reached=reached,
                replaced=replaced,
                dry_run=True,
            )
            return await dry_run(self._node, plan, file, job)

    @asynccontextmanager
    async def _replacing(
        self, caller: Caller, plan: IngestPlan, *, dry_run: bool = False
    ) -> AsyncIterator[tuple[WorkDir, ReplacedRows | None]]:
        """A work directory and, for a mode that replaces single rows, what finds them."""
        async with work_dir(self._spool_dir, self._pool) as place:
            if plan.mode not in REPLACING_ROWS:
                yield place, None
                return
            async with self._replacement.begun(
                caller, plan.name, place, dry_run=dry_run
            ) as replaced:
                yield place, replaced

    async def _receipt(self, plan: IngestPlan, settled: Settled) -> Versioned[IngestReceipt]:
        dataset = _ingested(plan, settled)
        event = settled.event or await self._event(settled.seq)
        reused = settled.event is None
        duplicate_of = settled.seq if reused and plan.dedupe and plan.mode != "replace" else None
        body = presentation.ingested(
            dataset, settled.state, event, reused=reused, duplicate_of=duplicate_of
        )
        return Versioned(body, settled.seq)

    async def _event(self, seq: int) -> Event:
        _, event = await self._node.past.event(seq)
        return event


def _ingested(plan: IngestPlan, settled: Settled) -> Dataset:
    dataset = catalog.find(settled.state.catalog, plan.name)
    if dataset is None:
        raise RefusedError(Refused("internal_error", "what was ingested is not in the catalog"))
    return dataset


def _without_rows(plan: IngestPlan, parsed: Parsed | None) -> bool:
    """Whether it was decided by reading the file that it has no row to replace others by."""
    return plan.mode in REPLACING_ROWS and parsed is not None and not parsed.row_count


async def _uploaded(command: Command, job: IngestJob) -> IngestDataset:
    """An ingest with its uploaded table, also of a file that the dataset holds already."""
    if isinstance(command, IngestDataset) and command.table is None:
        command = await job(await job(command, DataStep.READ_FILE), DataStep.UPLOAD)
    if not isinstance(command, IngestDataset):
        raise TypeError(f"an ingest became a {type(command).__name__}")
    return command
