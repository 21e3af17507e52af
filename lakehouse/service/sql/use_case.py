"""SQL: runs one read-only statement on the lake as it is, or as of a past moment.

Owns the order of the steps of a query. Must never parse a statement: the worker does.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec

from journal.events import Column, Read
from lakehouse.api.sql import SqlRequest
from lakehouse.commit.node import Node
from lakehouse.domain.errors import RefusedError
from lakehouse.query.engine import Query, QueryEngine, Result
from lakehouse.query.render.formats import ROWS
from lakehouse.query.waiting.waiting_bytes import memory_of
from lakehouse.query.wire.messages import Reads
from lakehouse.service import snapshot
from lakehouse.service.access.permissions import Permissions, permissions
from lakehouse.service.access.quotas import Quotas
from lakehouse.service.caller import Caller
from lakehouse.service.catalog.profiles import profile_for
from lakehouse.service.objects import VerifiedObjects
from lakehouse.service.secret_key import SecretKey
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
from projections.view_sql.datasets import View


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
        sources: LogRows,
        mask_key: SecretKey,
        quotas: Quotas,
    ) -> None:
        self.queries = Queries(node, quotas)
        self.answers = Answers(node, cache_bytes)
        """The service's own."""
        self._node = node
        self._objects = objects
        self._engine = engine
        self._mask_key = mask_key
        logs = ProcessLogs(self.queries.log, rejections, sources)
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
        likely = self.answers.likely(request.sql)
        query = Query(
            *(request.sql, request.params, timeout_s, format_),
            restricted=not held.unrestricted,
            principal=caller.principal or "",
            one_thread=likely is not None and not likely.has_source,
        )
        state = await snapshot.state_as_of(self._node, request.as_of)
        queries = self.queries
        size_bytes = memory_of(query.sql, query.params)
        with queries.track(
            caller, query_id, query.sql, format_, state.head.seq, size_bytes
        ) as record:
            async with queries.turn(caller):
                # Under a profile, the same text can read other relations.
                identity = None
                if profile is None:
                    identity = self.answers.identity(query, state, held.scope)
                if not fresh and (cached := self.answers.cached(query, state, identity, record)):
                    yield cached
                    return
                with self._system.loan() as loan, span("query worker"):
                    moment = _Moment(state, request.as_of is None)
                    question = self.answers.question(query, held.scope) if moment.is_now else ""
                    running = await self._begun(query, likely, loan, record, moment, held, profile)
                    with _ending(running):
                        yield self.answers.computed(
                            *(query, running.state, running.result, record, held.scope, question),
                            cacheable=profile is None,
                        )

    async def _begun(
        self,
        query: Query,
        likely: Reads | None,
        loan: Loan,
        record: QueryRecord,
        moment: "_Moment",
        held: Permissions,
        profile: Profile | None,
    ) -> "_Running":
        """The query on the state, or on the newest state if objects of a current one were collected."""
        state = moment.state
        relations = self._relations(state, loan, held, profile)
        try:
            result = await self._result(query, likely, relations, record)
        except RefusedError as error:
            now = self._node.state
            if not moment.is_now or now is state or error.refused.code != "objects_collected":
                raise
            moment = _Moment(now, is_now=False)
            return await self._begun(query, likely, loan, record, moment, held, profile)
        return _Running(state, relations, result)

    async def _result(
        self,
        query: Query,
        likely: Reads | None,
        relations: QueryRelations,
        record: QueryRecord,
    ) -> Result:
        """The result of a query that has begun; it must be ended."""
        views: Mapping[str, View] = {}
        try:
            if likely is not None and likely.names:
                views = await relations.resolve(likely.names)
            return await self._engine.begin(
                query, relations.resolve, record.begin, views, relations.objects
            )
        except RefusedError as error:
            raise RefusedError(relations.explained(error.refused)) from error

    def _relations(
        self,
        state: State,
        loan: Loan,
        held: Permissions,
        profile: Profile | None = None,
        *,
        binds: bool = False,
    ) -> QueryRelations:
        objects = QueryObjects(self._objects)
        return QueryRelations(
            self._node, state, self._system, loan, self.answers.moments, objects,
            self._mask_key, held, profile, binds=binds,
        )  # fmt: skip

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
        with (
            self.queries.track(
                *(caller, query_id, query.sql, ROWS, state.head.seq),
                memory_of(query.sql, query.params),
            ) as record,
            self._system.loan() as loan,
        ):
            async with self.queries.turn(caller):
                with span("query worker"):
                    relations = self._relations(state, loan, held, profile)
                    result = await self._result(query, None, relations, record)
                    with _ending(_Running(state, relations, result)):
                        yield Rows(relations.versions(), _counted(result, record))

    async def bind(
        self, caller: Caller, view: View, state: State
    ) -> tuple[tuple[Column, ...], frozenset[str]]:
        """The columns of a view that is put on this state, and the relations that it names.

        Raises what QueryEngine.define raises.
        """
        with self._system.loan() as loan:
            held = permissions(self._node, caller)
            relations = self._relations(state, loan, held, binds=True)
            principal = caller.principal or ""
            try:
                return await self._engine.define(
                    view, relations.resolve, relations.objects, principal
                )
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


class _Moment(msgspec.Struct, frozen=True):
    """A state, and whether it was the newest when the query came."""

    state: State
    is_now: bool


class _Running(msgspec.Struct, frozen=True):
    """A query that has begun."""

    state: State
    relations: QueryRelations
    result: Result


@contextmanager
def _ending(running: _Running) -> Iterator[None]:
    """Ends the query after the context, and explains a failure inside."""
    try:
        yield
    except RefusedError as error:
        raise RefusedError(running.relations.explained(error.refused)) from error
    finally:
        running.result.end()
