"""SQL: runs one read-only statement on the lake as it is, or as of a past moment.

Owns the order of the steps of a query. Must never parse a statement: the worker does.
"""

from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Executor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from journal.events import Column, Read
from lakehouse.api.sql import SqlRequest
from lakehouse.commit.node import Node
from lakehouse.domain.errors import RefusedError
from lakehouse.query.engine import Query, QueryEngine, Result
from lakehouse.query.render.formats import ROWS
from lakehouse.service import snapshot
from lakehouse.service.access.permissions import Permissions, permissions
from lakehouse.service.access.quotas import Quotas
from lakehouse.service.caller import Caller
from lakehouse.service.mask_key import MaskKey
from lakehouse.service.objects import VerifiedObjects
from lakehouse.service.profiles import profile_for
from lakehouse.service.sql.answers import Answer, Answers
from lakehouse.service.sql.queries import Queries, QueryRecord
from lakehouse.service.sql.query_objects import QueryObjects
from lakehouse.service.sql.query_relations import QueryRelations
from lakehouse.system.files import Loan
from lakehouse.system.view_table import LogRows, ProcessLogs
from lakehouse.system.views import SystemViews
from lakehouse.tracing import span
from projections.definitions import Profile
from projections.fold import State
from projections.views import View


class Rows(msgspec.Struct, frozen=True):
    """The rows of a statement: the versions that it reads, and its result in the format ROWS."""

    reads: tuple[Read, ...]
    chunks: AsyncIterator[bytes]


class Sql:
    """Answers queries."""

    def __init__(
        self,
        node: Node,
        objects: VerifiedObjects,
        engine: QueryEngine,
        pool: Executor,
        system_dir: Path,
        cache_bytes: int,
        rejections: LogRows,
        mask_key: MaskKey,
        quotas: Quotas,
    ) -> None:
        self.queries = Queries(node, quotas)
        self.answers = Answers(node, cache_bytes)
        """The service's own."""
        self._node = node
        self._objects = objects
        self._engine = engine
        self._mask_key = mask_key
        logs = ProcessLogs(self.queries.log, rejections)
        self._system = SystemViews(node, system_dir, pool, logs)

    @asynccontextmanager
    async def run(
        self,
        caller: Caller,
        request: SqlRequest,
        format_: str,
        query_id: str,
        *,
        fresh: bool = False,
    ) -> AsyncIterator[Answer]:
        """The result of a statement in a format of FORMATS, its first rows ready. A `fresh` one does
        not come from the cache.

        Raises what QueryEngine.run and state_as_of raise; `query_cancelled`;
        `objects_collected` naming the event where an object is absent because it was collected.
        """
        held = permissions(self._node, caller)
        profile = profile_for(self._node, held, request.profile)
        timeout_s = request.timeout_ms / 1000 if request.timeout_ms else None
        query = Query(
            *(request.sql, request.params, timeout_s, format_),
            restricted=not held.unrestricted,
            principal=caller.principal or "",
        )
        state = await snapshot.state_as_of(self._node, request.as_of)
        async with self.queries.track(
            caller, query_id, query.sql, query.format, state.head.seq
        ) as record:
            # Under a profile, the same text can read other relations.
            identity = self.answers.identity(query, state, held.scope) if profile is None else None
            if not fresh and (cached := self.answers.cached(query, state, identity, record)):
                yield cached
                return
            async with self._system.loan() as loan, AsyncExitStack() as stack:
                current = request.as_of is None
                question = self.answers.question(query, held.scope) if current else ""
                begun = self._begun(
                    *(stack, query, loan, record, state, held, profile, question), current=current
                )
                yield await begun

    async def _begun(
        self,
        stack: AsyncExitStack,
        query: Query,
        loan: Loan,
        record: QueryRecord,
        state: State,
        held: Permissions,
        profile: Profile | None,
        question: str,
        *,
        current: bool,
    ) -> Answer:
        """The result on `state`, or on the newest state if objects of a `current` one were collected."""
        objects = QueryObjects(self._objects)
        relations = QueryRelations(
            self._node, state, self._system, loan, self.answers.moments, objects,
            self._mask_key, held, profile,
        )  # fmt: skip
        try:
            result = await stack.enter_async_context(self._result(query, relations, record))
        except RefusedError as error:
            now = self._node.state
            if not current or now is state or error.refused.code != "objects_collected":
                raise
            return await self._begun(
                *(stack, query, loan, record, now, held, profile, question), current=False
            )
        return self.answers.computed(
            *(query, state, result, record, held.scope, question), cacheable=profile is None
        )

    @asynccontextmanager
    async def _result(
        self, query: Query, relations: "QueryRelations", record: QueryRecord
    ) -> AsyncIterator[Result]:
        likely: Mapping[str, View] = {}
        if query.format != ROWS:
            likely = await relations.resolve(self.answers.likely(query))
        try:
            with span("query worker"):
                async with self._engine.run(
                    query, relations.resolve, record.begin, likely, relations.objects
                ) as result:
                    yield result
        except RefusedError as error:
            raise RefusedError(relations.explained(error.refused)) from error

    @asynccontextmanager
    async def rows(
        self, caller: Caller, request: SqlRequest, query_id: str, state: State
    ) -> AsyncIterator[Rows]:
        """The result of a statement on `state` as rows of a dataset, and the versions that it reads.

        Raises what `run` raises, and `invalid_column` for a type that no dataset can have.
        """
        held = permissions(self._node, caller)
        profile = profile_for(self._node, held, request.profile)
        query = Query(
            *(request.sql, request.params, None, ROWS),
            restricted=not held.unrestricted,
            principal=caller.principal or "",
        )
        async with (
            self.queries.track(caller, query_id, query.sql, ROWS, state.head.seq) as record,
            self._system.loan() as loan,
        ):
            relations = QueryRelations(
                self._node, state, self._system, loan, self.answers.moments,
                QueryObjects(self._objects), self._mask_key, held, profile,
            )  # fmt: skip
            async with self._result(query, relations, record) as result:
                yield Rows(relations.versions(), _counted(result, record))

    async def bind(
        self, caller: Caller, view: View, state: State
    ) -> tuple[tuple[Column, ...], frozenset[str]]:
        """The columns of a view that is put on this state, and the relations that it names.

        Raises what QueryEngine.define raises.
        """
        async with self._system.loan() as loan:
            objects = QueryObjects(self._objects)
            relations = QueryRelations(
                self._node, state, self._system, loan, self.answers.moments, objects,
                self._mask_key, permissions(self._node, caller), binds=True,
            )  # fmt: skip
            principal = caller.principal or ""
            try:
                return await self._engine.define(view, relations.resolve, objects, principal)
            except RefusedError as error:
                raise RefusedError(relations.explained(error.refused)) from error

    def patience_s(self, caller: Caller) -> float | None:
        """How long the caller may pause reading its result; None: without limit."""
        return self._engine.patience_s(caller.principal or "")


async def _counted(result: Result, record: QueryRecord) -> AsyncIterator[bytes]:
    async for chunk in result.chunks:
        record.size_bytes += len(chunk)
        yield chunk
    record.rows = result.row_count
