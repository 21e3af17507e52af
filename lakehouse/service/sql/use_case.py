"""SQL: one read-only statement over the datasets as they are, or were."""

from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Executor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from lakehouse.api.sql import SqlRequest
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.engine import Query, QueryEngine, Result
from lakehouse.query.relations import Wanted, wanted
from lakehouse.service import snapshot
from lakehouse.service.caller import Caller
from lakehouse.service.objects import VerifiedObjects
from lakehouse.service.sql import near_names
from lakehouse.service.sql.answers import Answer, Answers
from lakehouse.service.sql.fixed_relations import FixedRelations
from lakehouse.service.sql.queries import Entry, Queries
from lakehouse.service.sql.query_objects import QueryObjects
from lakehouse.system.files import Loan
from lakehouse.system.views import Remembered, SystemViews
from projections import inventory
from projections.catalog import Dataset
from projections.fold import State
from projections.views import View


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
        rejected: Remembered,
    ) -> None:
        self.queries = Queries(node.clock)
        self._answers = Answers(node, cache_bytes)
        self._node = node
        self._objects = objects
        self._engine = engine
        logs = {"queries": self.queries.log, "rejections": rejected}
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
        timeout_s = request.timeout_ms / 1000 if request.timeout_ms else None
        query = Query(request.sql, request.params, timeout_s, format_)
        state = await snapshot.state_as_of(self._node, request.as_of)
        async with self.queries.track(
            caller, query_id, query.sql, query.format, state.head.seq
        ) as entry:
            identity = self._answers.identity(query, state)
            if not fresh and (kept := self._answers.kept(identity, state.head.seq, entry)):
                yield kept
                return
            async with self._system.loan() as loan, AsyncExitStack() as stack:
                current = request.as_of is None
                yield await self._begun(stack, query, loan, entry, state, current=current)

    async def _begun(
        self,
        stack: AsyncExitStack,
        query: Query,
        loan: Loan,
        entry: Entry,
        state: State,
        *,
        current: bool,
    ) -> Answer:
        """The result on `state`; if it is `current` and its objects were collected since, on the new one."""
        objects = QueryObjects(self._objects)
        relations = _QueryRelations(
            self._node, state, self._system, loan, self._answers.moments, objects
        )
        try:
            result = await stack.enter_async_context(self._result(query, relations, entry))
        except RefusedError as error:
            now = self._node.state
            if not current or now is state or error.refused.code != "objects_collected":
                raise
            return await self._begun(stack, query, loan, entry, now, current=False)
        return self._answers.fresh(query, state, result, entry)

    @asynccontextmanager
    async def _result(
        self, query: Query, relations: "_QueryRelations", entry: Entry
    ) -> AsyncIterator[Result]:
        likely = await relations.resolve(self._answers.likely(query))
        try:
            async with self._engine.run(
                query, relations.resolve, entry.begin, likely, relations.objects
            ) as result:
                yield result
        except RefusedError as error:
            if relations.objects.failure is None and error.refused.code == "sql_error":
                raise RefusedError(relations.with_near_name(error.refused)) from error
            if relations.objects.failure is None:
                raise
            raise RefusedError(relations.objects.failure) from error


class _QueryRelations:
    """The relations that one query reads, from one state."""

    def __init__(
        self,
        node: Node,
        state: State,
        system: SystemViews,
        loan: Loan,
        moments: FixedRelations,
        objects: QueryObjects,
    ) -> None:
        self.objects = objects
        self._node = node
        self._moments = moments
        self._state = state
        self._system = system
        self._loan = loan

    async def resolve(self, names: frozenset[str] | None) -> Mapping[str, View]:
        """Views by relation; all datasets for None. Raises RefusedError."""
        if names is None:
            datasets = self._state.catalog.datasets
            # A listing needs no objects; with them it would be large, and change more often.
            return {name: View(each.name, (), each.schema) for name, each in datasets.items()}
        found = [(name, await self._resolved(name)) for name in sorted(names)]
        return {name: view for name, view in found if view is not None}

    async def _resolved(self, name: str) -> View | None:
        relation = wanted(name)
        if relation.moment is None:
            return await self._found(relation, self._state)
        now = self._node.state
        then = await snapshot.state_as_of(self._node, relation.moment)
        view = await self._found(relation, then)
        if view is None:
            return None
        dataset = None if relation.system else then.catalog.datasets[relation.name]
        self._moments.note(name, relation.moment, then, now, dataset)
        return msgspec.structs.replace(view, name=relation.called)

    async def _found(self, relation: Wanted, state: State) -> View | None:
        """The relation as it is in `state`, under its plain name."""
        if relation.system:
            return await self._system.view(
                self._loan, relation.name, state, relation.seen, self.objects.urls
            )
        dataset = state.catalog.datasets.get(relation.name)
        if dataset is None:
            return None
        self._refuse_lost(dataset, state)
        return self._view(state, dataset)

    def _refuse_lost(self, dataset: Dataset, state: State) -> None:
        """Raises RefusedError for what a past state names and the present has marked or collected."""
        now = self._node.state
        if state is now:
            return  # nothing that a live dataset holds is ever marked
        for item in dataset.objects:
            if inventory.lost_to(now.inventory, item.blob) is not None:
                raise RefusedError(snapshot.gone(now, item.blob))

    def with_near_name(self, refused: Refused) -> Refused:
        """`refused` with the dataset that was meant, where one of a similar name exists."""
        datasets = self._state.catalog.datasets.values()
        return near_names.suggested(refused, (each.name for each in datasets))

    def _view(self, state: State, dataset: Dataset) -> View:
        urls = self.objects.urls(state, dataset, dataset.objects)
        return View(dataset.name, urls, dataset.schema)
