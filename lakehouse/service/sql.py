"""SQL: one read-only question over the datasets as they are, or were."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from journal.bucket.port import Bucket
from lakehouse.errors import Refused, RefusedError
from lakehouse.node import Node
from lakehouse.query import Query, QueryEngine, Result
from lakehouse.service import reading
from projections.catalog import Dataset
from projections.fold import State
from projections.views import View


class Sql:
    """Answers queries."""

    def __init__(self, node: Node, engine: QueryEngine) -> None:
        self._node = node
        self._engine = engine

    @asynccontextmanager
    async def run(self, query: Query, as_of: str | int | None) -> AsyncIterator[tuple[Result, int]]:
        """The result of `query`, first rows ready, and the seq of the state that it was asked of.

        Raises what QueryEngine.run and reading.state_as_of raise; `objects_collected` naming the
        event where an object is absent because it was collected.
        """
        state = await reading.state_as_of(self._node, as_of)
        asked = _Asked(state, self._node.bucket)
        try:
            async with self._engine.run(query, asked.resolve) as result:
                yield result, state.head.seq
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
