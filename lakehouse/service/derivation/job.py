"""One derivation's data: a statement run, its result kept on disk, written as Parquet, uploaded.

Does the steps that a decision asks for. Must never decide which step comes next.
"""

from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import assert_never

import msgspec

from journal.event_records import REPLACING_ROWS
from journal.events import Derivation, Read
from journal.threads import in_thread
from lakehouse.api.sql import SqlRequest
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Command, IngestDataset, RefreshDataset
from lakehouse.domain.decision import DataStep
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.options import PARQUET, Options
from lakehouse.formats.reader import Parsed, ReadRequest
from lakehouse.formats.result.reader import read_result
from lakehouse.formats.schema import Contract
from lakehouse.process.spool import Spooled, full_disk_refused, spooled
from lakehouse.query.parameters import encoded
from lakehouse.service import snapshot
from lakehouse.service.access.permissions import permissions
from lakehouse.service.access.visible import visible_derivation
from lakehouse.service.caller import Caller
from lakehouse.service.catalog.profiles import profile_for
from lakehouse.service.ingest.contracts import present_contract
from lakehouse.service.ingest.job import table_of, upload
from lakehouse.service.ingest.plan import IngestPlan
from lakehouse.service.ingest.replaced_rows import ReplacedRows, RowReplacement
from lakehouse.service.ingest.work_dir import WorkDir, work_dir
from lakehouse.service.objects import VerifiedObjects
from lakehouse.service.sql.use_case import Sql
from projections import catalog
from projections.fold import State


class Workshop(msgspec.Struct, frozen=True):
    """What the derivations of a process share."""

    node: Node
    objects: VerifiedObjects
    sql: Sql
    pool: Executor
    spool_dir: Path
    limits: IngestLimits
    replacement: RowReplacement


class DeriveJob:
    """Does the steps of one derivation, or of one refresh, whose statement the dataset has.

    Use it inside `deriving`. A dry run runs the statement and uploads nothing.
    """

    def __init__(
        self,
        workshop: Workshop,
        stack: AsyncExitStack,
        place: WorkDir,
        caller: Caller,
        query_id: str,
        plan: IngestPlan,
        request: SqlRequest | None,
        replaced: ReplacedRows | None,
        *,
        dry_run: bool,
    ) -> None:
        self._shop = workshop
        self._stack = stack
        self._place = place
        self._caller = caller
        self._query_id = query_id
        self._plan = plan
        self._request = request
        """None for a refresh."""
        self._replaced = replaced
        """What finds the rows that a merge replaces; None for other modes."""
        self._dry_run = dry_run
        self.parsed: Parsed | None = None
        """The rows, once they are written."""
        self.derivation: Derivation | None = None
        self._stored: Derivation | None = None
        """What a refresh runs again: the derivation of the dataset."""
        self._result: Spooled | None = None
        self._contract: Contract | None = None

    async def __call__(self, command: Command, step: DataStep) -> Command:
        match command:
            case IngestDataset():
                return await self._advance(command, step)
            case RefreshDataset():
                return await self._refreshed(command, step)
        raise TypeError(f"a derivation does not advance {type(command).__name__}")

    async def _refreshed(self, command: RefreshDataset, step: DataStep) -> RefreshDataset:
        """A refresh with its statement run, which is the dataset's present one, or one step further."""
        ingest, read_at = command.ingest, command.read_at
        if ingest is None or step is DataStep.READ_FILE:
            live = catalog.find(self._shop.node.state.catalog, command.name)
            if live is None or live.derivation is None:
                return command  # the decision says so
            self._request, self._stored = _request_of(live.derivation), live.derivation
            ingest, read_at = command_of(self._plan), live.seq
            step = DataStep.READ_FILE
        try:
            advanced = await self._advance(ingest, step)
        except RefusedError as error:
            raise RefusedError(self._shown(error.refused)) from error
        return msgspec.structs.replace(command, ingest=advanced, read_at=read_at)

    def _shown(self, refused: Refused) -> Refused:
        """The refusal of a stored statement, without what it says to who may not see the statement."""
        held = permissions(self._shop.node, self._caller)
        if visible_derivation(self._stored, held) is not None:
            return refused
        detail = "the statement of the dataset reads what the caller may not read"
        return Refused(refused.code, detail, retry_after_s=refused.retry_after_s)

    async def _advance(self, ingest: IngestDataset, step: DataStep) -> IngestDataset:
        match step:
            case DataStep.READ_FILE:
                await self._run()
                return await self._judged(ingest)
            case DataStep.READ_UNDER_CONTRACT | DataStep.CHECK_VALUES:
                return await self._judged(ingest)
            case DataStep.UPLOAD | DataStep.UPLOAD_AGAIN:
                return await self._uploaded(ingest, again=step is DataStep.UPLOAD_AGAIN)
            case DataStep.FIND_ROWS:
                return await self._found(ingest)
            case DataStep.PLAN_AGAIN | DataStep.REBUILD:
                raise ValueError(f"a derivation has no step {step}")
            case DataStep.FIND_SOURCES | DataStep.FIND_LAST_CHANGE:
                raise ValueError(f"a derivation has no step {step}")
        assert_never(step)

    async def _run(self) -> None:
        """Run the statement; again on the newest state where its objects were collected meanwhile."""
        request = self._request
        if request is None:
            raise ValueError("there is no statement to run")
        await self._stack.aclose()
        self.parsed = None
        held = permissions(self._shop.node, self._caller)
        profile = profile_for(self._shop.node, held, request.profile)
        # The event names the profile that was in force: another principal's refresh must have it too.
        request = msgspec.structs.replace(request, profile=profile.name if profile else None)
        state = await snapshot.state_as_of(self._shop.node, request.as_of)
        try:
            await self._run_on(state, request)
        except RefusedError as error:
            now = self._shop.node.state
            gone = error.refused.code == "objects_collected"
            if not gone or request.as_of is not None or now is state:
                raise
            await self._run_on(now, request)

    async def _run_on(self, state: State, request: SqlRequest) -> None:
        shop = self._shop
        async with shop.sql.rows(self._caller, request, self._query_id, state) as rows:
            self.derivation = _derivation(request, state, rows.reads)
            received = spooled(rows.chunks, shop.spool_dir, shop.limits.decoded_bytes, shop.pool)
            self._result = await self._stack.enter_async_context(received)

    async def _judged(self, ingest: IngestDataset) -> IngestDataset:
        """The command with the rows as the dataset's present contract takes them."""
        shop, result = self._shop, self._result
        if result is None:
            raise ValueError("a result is judged after the statement was run")
        live = catalog.find(shop.node.state.catalog, self._plan.name)
        contract = await present_contract(shop.objects, self._plan, live)
        table = ingest.table
        if self.parsed is None or table is None or contract != self._contract:
            with full_disk_refused():
                read = partial(read_result, result.content, contract)
                work = lambda: read(self._place.fresh(), shop.limits)  # noqa: E731
                self.parsed = await in_thread(shop.pool, work)
            self._contract = contract
            table = table_of(self._plan.name, self.parsed, shop.node, uploaded=False)
        fingerprint, seq = (live.schema_fingerprint, live.seq) if live else (None, None)
        return msgspec.structs.replace(
            ingest,
            table=table,
            read_under=fingerprint,
            read_at=seq,
            derivation=self.derivation,
        )

    async def _found(self, ingest: IngestDataset) -> IngestDataset:
        """The command with the rows that the result's replace; uploaded if the result is."""
        if self.parsed is None or self._replaced is None:
            raise ValueError("rows to replace are found after the result is written")
        # A row of the result is named by its number, as a row of Parquet is.
        request = ReadRequest(
            source=b"",
            content_encoding=None,
            options=Options(format=PARQUET),
            contract=self._contract,
            work_dir=self._place.fresh,
            limits=self._shop.limits,
        )
        ingest = await self._replaced.find(ingest, self.parsed, request)
        if ingest.table is None or not ingest.table.uploaded:
            return ingest
        return await self._replaced.upload(ingest, again=False)

    async def _uploaded(self, ingest: IngestDataset, *, again: bool) -> IngestDataset:
        if self.parsed is None:
            raise ValueError("rows are uploaded after they are written")
        if self._replaced is not None:
            ingest = await self._replaced.upload(ingest, again=again)
        if ingest.table is not None and ingest.table.uploaded and not again:
            return ingest
        name, node = self._plan.name, self._shop.node
        if self._dry_run:
            table = table_of(name, self.parsed, node, uploaded=True)
        else:
            table = await upload(name, self.parsed, node)
        return msgspec.structs.replace(ingest, table=table)


@asynccontextmanager
async def deriving(
    workshop: Workshop,
    caller: Caller,
    query_id: str,
    plan: IngestPlan,
    request: SqlRequest | None,
    *,
    dry_run: bool = False,
) -> AsyncIterator[DeriveJob]:
    """The job of one derivation; its files are removed when the context ends."""
    # What was acknowledged before this request, by any process, is there to be read.
    await workshop.node.refresh()
    async with AsyncExitStack() as outer:
        place = await outer.enter_async_context(work_dir(workshop.spool_dir, workshop.pool))
        # Closed when the statement is run again; what the whole job has stays.
        stack = await outer.enter_async_context(AsyncExitStack())
        replaced = None
        if plan.mode in REPLACING_ROWS:
            begun = workshop.replacement.begun(caller, plan.name, place, dry_run=dry_run)
            replaced = await outer.enter_async_context(begun)
        yield DeriveJob(
            *(workshop, stack, place, caller, query_id, plan, request, replaced), dry_run=dry_run
        )


def command_of(plan: IngestPlan) -> IngestDataset:
    """The command of a derivation, before its statement is run."""
    return IngestDataset(
        *(plan.name, plan.mode, None, None, None, plan.schema_change), statement=plan.statement()
    )


def _derivation(request: SqlRequest, state: State, reads: tuple[Read, ...]) -> Derivation:
    params = encoded(request.params)
    return Derivation(
        request.sql,
        None if params is None else params.decode(),
        None if request.as_of is None else state.head.seq,
        reads,
        request.profile,
    )


def _request_of(derivation: Derivation) -> SqlRequest:
    """The statement as it was asked for."""
    params = None if derivation.params is None else msgspec.json.decode(derivation.params)
    return SqlRequest(derivation.sql, params, derivation.as_of, profile=derivation.profile)
