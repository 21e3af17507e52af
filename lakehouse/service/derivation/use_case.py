"""Datasets from SQL: derived from a statement, and refreshed on what is there now."""

import hashlib
from contextlib import AbstractAsyncContextManager

import msgspec

from journal.event_parts import rows_changed
from journal.events import Content, DatasetRestored, DatasetRewritten, Derivation, Object
from lakehouse.api.catalog.derivation import (
    DeriveDryRun,
    DeriveReceipt,
    DeriveRequest,
    ReadVersion,
    RefreshedAll,
    RefreshRequest,
    RefreshResult,
)
from lakehouse.api.ingest.answers import Refusal, StagedIngest
from lakehouse.api.sql import SqlRequest
from lakehouse.api.versioned import Versioned
from lakehouse.commit.limiter import Limiter
from lakehouse.domain.access.rights import WRITE
from lakehouse.domain.column_list import split_columns
from lakehouse.domain.commands import IngestDataset, RefreshDataset
from lakehouse.domain.errors import CODES, Refused, RefusedError
from lakehouse.domain.rules.derivations import moving, refresh_order
from lakehouse.domain.validation import check_name
from lakehouse.service import presentation
from lakehouse.service.access.permissions import Permissions, permissions, require, shown_to
from lakehouse.service.caller import Caller
from lakehouse.service.catalog.staging import Staging
from lakehouse.service.changes import Foreseen, Settled, foresee, settle
from lakehouse.service.derivation.job import DeriveJob, Workshop, command_of, deriving
from lakehouse.service.ingest.plan import IngestPlan, check_plan
from projections import catalog

MAX_STATEMENT_BYTES = 64 * 1024
"""For a statement with its parameters, which stay in every state of the lake."""


class Derivations:
    """The derivations of one node's lake."""

    def __init__(self, workshop: Workshop, running: Limiter) -> None:
        self._workshop = workshop
        self._node = workshop.node
        self._running = running
        self._staging = Staging(workshop.node)

    async def derive(
        self, caller: Caller, request: DeriveRequest, query_id: str, payload: bytes = b""
    ) -> Versioned[DeriveReceipt]:
        """Make or extend a dataset by the result of a statement. `payload`: the request as sent.

        Raises RefusedError: `invalid_name`, `name_taken`, `schema_conflict`, `invalid_column`,
        `derivation_cycle`, `too_large`, `busy`, what Sql.run raises and what settle raises.
        """
        plan = self._plan(caller, request)
        with self._running.slot():
            async with self._job(caller, query_id, plan, request) as job:
                digest = hashlib.sha256(payload).hexdigest()
                settled = await settle(self._node, command_of(plan), caller, digest, job)
                return await self._receipt(caller, plan.name, settled)

    async def refresh(
        self, caller: Caller, request: RefreshRequest, query_id: str, payload: bytes = b""
    ) -> Versioned[DeriveReceipt]:
        """Run the statement of a dataset again on what is there now; no event if that is the same.

        Raises RefusedError: `dataset_not_found`, `cannot_refresh`, and what `derive` raises.
        """
        name = request.name
        if name is None or request.all:
            raise RefusedError(Refused("invalid_request", "give the name of one dataset, or all"))
        check_name(name)
        require(self._node, caller, WRITE, name)
        plan = IngestPlan(name, schema_change=request.schema_change)
        command = RefreshDataset(name, request.schema_change)
        with self._running.slot():
            async with deriving(self._workshop, caller, query_id, plan, None) as job:
                digest = hashlib.sha256(payload).hexdigest()
                settled = await settle(self._node, command, caller, digest, job)
                return await self._receipt(caller, plan.name, settled)

    async def refresh_all(
        self, caller: Caller, request: RefreshRequest, query_id: str
    ) -> Versioned[RefreshedAll]:
        """Refresh every dataset that can be refreshed and written, each after those that it reads.

        One that is refused does not stop the others; those that read it are skipped. Raises
        RefusedError `invalid_request` for what is about one dataset.
        """
        if request.name is not None or request.schema_change is not None:
            detail = "all goes with neither name nor schema_change: these are for one dataset"
            raise RefusedError(Refused("invalid_request", detail))
        await self._node.refresh()
        results: list[RefreshResult] = []
        stale: set[str] = set()
        for name in refresh_order(self._node.state):
            live = catalog.find(self._node.state.catalog, name)
            if not permissions(self._node, caller).may_change(WRITE, name):
                continue
            if live is None or live.derivation is None:
                continue  # dropped, or changed otherwise, meanwhile
            if stale.isdisjoint(read.name.lower() for read in moving(live.derivation)):
                results.append(await self._one_of_all(caller, name, query_id))
            else:
                results.append(RefreshResult(name, "skipped", live.seq, live.row_count, None, None))
            if results[-1].outcome in ("refused", "skipped"):
                stale.add(name.lower())
        seq = self._node.state.head.seq
        return Versioned(RefreshedAll(results, seq), seq)

    async def _one_of_all(self, caller: Caller, name: str, query_id: str) -> RefreshResult:
        key = caller.idempotency_key
        own = msgspec.structs.replace(
            caller,
            accepted_s=self._node.clock.monotonic(),
            idempotency_key=f"{key}.{name}" if key else None,
        )
        try:
            done = (await self.refresh(own, RefreshRequest(name), query_id)).body
        except RefusedError as error:
            refused = error.refused
            return RefreshResult(name, "refused", None, None, refused.code, refused.detail)
        outcome = "unchanged" if done.reused else "refreshed"
        return RefreshResult(name, outcome, done.seq, done.row_count, None, None)

    async def stage(
        self, caller: Caller, request: DeriveRequest, query_id: str
    ) -> Versioned[StagedIngest]:
        """Run, judge and upload as `derive` does, without an event: a change set commits it later."""
        plan, began_at = self._plan(caller, request), self._node.clock.now()
        with self._running.slot():
            async with self._job(caller, query_id, plan, request) as job:
                foreseen = await foresee(self._node, command_of(plan), job)
        if foreseen.refused is not None:
            held = permissions(self._node, caller)
            raise RefusedError(shown_to(held, foreseen.refused))
        ingest = foreseen.command
        if not isinstance(ingest, IngestDataset):
            raise TypeError(f"a derivation became a {type(ingest).__name__}")
        staged, expires_at = await self._staging.store(caller, ingest, began_at)
        body = presentation.staged(staged, expires_at, ingest, self._node.state.head.seq)
        return Versioned(body, body.seq)

    async def dry_run(
        self, caller: Caller, request: DeriveRequest, query_id: str
    ) -> Versioned[DeriveDryRun]:
        """What `derive` would do now, and how it would refuse. Writes nothing to the bucket."""
        plan = self._plan(caller, request)
        with self._running.slot():
            async with self._job(caller, query_id, plan, request, dry_run=True) as job:
                foreseen = await foresee(self._node, command_of(plan), job)
                body = _report(plan, foreseen, job, permissions(self._node, caller))
        return Versioned(body, body.seq)

    def _plan(self, caller: Caller, request: DeriveRequest) -> IngestPlan:
        plan = _plan(request)
        require(self._node, caller, WRITE, plan.name)
        return plan

    def _job(
        self,
        caller: Caller,
        query_id: str,
        plan: IngestPlan,
        request: DeriveRequest,
        *,
        dry_run: bool = False,
    ) -> AbstractAsyncContextManager[DeriveJob]:
        statement = SqlRequest(request.sql, request.params, request.as_of, profile=request.profile)
        return deriving(self._workshop, caller, query_id, plan, statement, dry_run=dry_run)

    async def _receipt(
        self, caller: Caller, name: str, settled: Settled
    ) -> Versioned[DeriveReceipt]:
        dataset = catalog.find(settled.state.catalog, name)
        if dataset is None:
            raise RefusedError(Refused("internal_error", "what was derived is not in the catalog"))
        data = settled.event.data if settled.event else None
        changed = data if isinstance(data, Content | DatasetRestored | DatasetRewritten) else None
        derivation = changed.derivation if changed else dataset.derivation
        objects = _added(changed)
        added = msgspec.structs.replace(dataset, objects=objects)
        body = DeriveReceipt(
            **msgspec.structs.asdict(presentation.manifest(added, settled.state.inventory)),
            rows_ingested=sum(item.row_count or 0 for item in objects),
            rows_removed=_removed(changed),
            reads=_versions(derivation, permissions(self._node, caller)),
            reused=changed is None,
        )
        return Versioned(body, settled.seq)


def _plan(request: DeriveRequest) -> IngestPlan:
    key = request.key
    if isinstance(key, str):
        key = split_columns(key) if key else ()
    plan = IngestPlan(request.name, request.mode, schema_change=request.schema_change, key=key)
    check_plan(plan)
    if request.dry_run and request.stage:
        raise RefusedError(Refused("invalid_request", "dry_run and stage exclude each other"))
    size_bytes = len(msgspec.json.encode((request.sql, request.params)))
    if size_bytes > MAX_STATEMENT_BYTES:
        detail = f"the statement and its parameters have {size_bytes:,} bytes"
        detail = f"{detail}; at most {MAX_STATEMENT_BYTES:,} are allowed"
        raise RefusedError(Refused("invalid_request", detail))
    return plan


def _added(
    data: Content | DatasetRestored | DatasetRewritten | None,
) -> tuple[Object, ...]:
    """The objects that hold the rows of the statement."""
    if isinstance(data, DatasetRewritten):
        return data.added
    return data.objects if data else ()


def _removed(data: Content | DatasetRestored | DatasetRewritten | None) -> int:
    """How many single rows were replaced by the statement's rows."""
    return rows_changed(data)[1] if isinstance(data, DatasetRewritten) else 0


def _versions(derivation: Derivation | None, held: Permissions) -> list[ReadVersion]:
    """What was read, without what the caller may read through a view alone."""
    reads = derivation.reads if derivation else ()
    return [
        ReadVersion(each.name, each.seq, each.dataset_id, each.as_of)
        for each in reads
        if held.sees(each.name)
    ]


def _report(
    plan: IngestPlan, foreseen: Foreseen, job: DeriveJob, held: Permissions
) -> DeriveDryRun:
    parsed, derivation, refused = job.parsed, job.derivation, foreseen.refused
    existed = catalog.find(foreseen.before.catalog, plan.name) is not None
    after = catalog.find(foreseen.after.catalog, plan.name)
    outcome = plan.mode if existed else "create"
    return DeriveDryRun(
        dry_run=True,
        name=plan.name,
        seq=foreseen.before.head.seq,
        outcome="refuse" if refused else outcome,
        schema=presentation.columns(parsed.columns) if parsed else None,
        schema_fingerprint=parsed.fingerprint if parsed else None,
        rows_ingested=parsed.row_count if parsed and not refused else 0,
        row_count=after.row_count if after else 0,
        reads=_versions(derivation, held),
        refused=_refusal(shown_to(held, refused)) if refused else None,
    )


def _refusal(refused: Refused) -> Refusal:
    return Refusal(refused.code, CODES[refused.code].status, refused.detail, [*refused.errors])
