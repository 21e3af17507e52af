"""SQL: one read-only question over the datasets as they are, or were."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from journal.bucket.port import Bucket
from lakehouse.errors import Refused, RefusedError
from lakehouse.node import Node
from lakehouse.query import Query, QueryEngine, Result
from lakehouse.service import reading
from lakehouse.service.queries import Asker, Entry, Queries
from projections.catalog import Dataset
from projections.fold import State
from projections.views import View


class Answer:
    """A result on its way out; what passes is noted."""

    def __init__(self, result: Result, entry: Entry) -> None:
        self._result = result
        self._entry = entry

    async def chunks(self) -> AsyncIterator[bytes]:
        """The document, once. Raises RefusedError when the query fails: the rest never comes."""
        async for chunk in self._result.chunks:
            self._entry.size_bytes += len(chunk)
            yield chunk
        self._entry.rows = self._result.row_count


class Sql:
    """Answers queries."""

    def __init__(self, node: Node, engine: QueryEngine) -> None:
        self.queries = Queries(node.clock)
        self._node = node
        self._engine = engine

    @asynccontextmanager
    async def run(
        self, query: Query, as_of: str | int | None, asker: Asker
    ) -> AsyncIterator[tuple[Answer, int]]:
        """The answer to `query`, first rows ready, and the seq of the state that it was asked of.

        Raises what QueryEngine.run and reading.state_as_of raise; `query_cancelled`;
        `objects_collected` naming the event where an object is absent because it was collected.
        """
        state = await reading.state_as_of(self._node, as_of)
        asked = _Asked(state, self._node.bucket)
        tracked = self.queries.track(asker, query.sql, query.format, state.head.seq)
        async with tracked as entry, self._result(query, asked, entry) as result:
            yield Answer(result, entry), state.head.seq

    @asynccontextmanager
    async def _result(self, query: Query, asked: "_Asked", entry: Entry) -> AsyncIterator[Result]:
        try:
            async with self._engine.run(query, asked.resolve, entry.begin) as result:
                yield result
        except RefusedError as error:
            if error.refused.code != "object_lost":
                raise
            await self._node.look()
            raise RefusedError(asked.lost(self._node.state, error.refused)) from error


class _Asked:
    """The datasets that one query has asked for, out of one state."""

    def __init__(self, state: State, bucket: Bucket) -> None:
        self._datasets = state.catalog.datasets
        self._bucket = bucket
        self._used: list[Dataset] = []

    async def resolve(self, names: frozenset[str] | None) -> Mapping[str, View]:
        """Views by lower-case name; all of them for None."""
        if names is None:
            return {name: self._view(dataset) for name, dataset in self._datasets.items()}
        found = {name: self._datasets[name] for name in names if name in self._datasets}
        self._used.extend(found.values())
        return {name: self._view(dataset) for name, dataset in found.items()}

    def lost(self, now: State, refused: Refused) -> Refused:
        """Why an object of these datasets is absent: collected, or lost."""
        for dataset in self._used:
            for item in dataset.objects:
                if item.blob in now.inventory.gone:
                    return reading.gone(now, item.blob)
        return refused

    def _view(self, dataset: Dataset) -> View:
        places = tuple(self._bucket.locate(item.blob) for item in dataset.objects)
        return View(dataset.name, places, dataset.schema)
