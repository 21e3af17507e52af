"""Finds rows of a dataset by a condition, and reads all rows of one object, in a worker.

The worker decodes the objects, which anyone may have uploaded; this process only gets columns of
Arrow. Must never decide what becomes of the rows.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from functools import partial

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from journal.events import Object
from lakehouse.domain.errors import RefusedError
from lakehouse.formats.parquet.rewriter import RowEdits
from lakehouse.query.engine import Query, QueryEngine, Result
from lakehouse.query.messages import RowSearch
from lakehouse.service.objects import VerifiedObjects
from lakehouse.service.rows.arrow_stream import T, read_in_thread
from lakehouse.service.sql.query_objects import QueryObjects
from projections.catalog import Dataset
from projections.fold import State
from projections.views import View, quoted

ARROW = "arrow"
_OBJECT, _ROW, _FIRST_VALUE = 0, 1, 2
"""The places of the columns of what a search answers."""


ScanWork = Callable[[pa.RecordBatchReader], T]


class FoundRows(msgspec.Struct, frozen=True):
    """By blob, the rows of the objects that hold any of them, and whether that depends on now()."""

    edits: dict[str, RowEdits]
    reads_clock: bool


class RowFinder:
    """Reads one node's objects through its query workers."""

    def __init__(self, objects: VerifiedObjects, engine: QueryEngine, pool: Executor) -> None:
        self._objects = objects
        self._engine = engine
        self._pool = pool

    async def find(
        self, state: State, dataset: Dataset, items: tuple[Object, ...], search: RowSearch
    ) -> "FoundRows":
        """The rows of `items` that fulfil the condition; with `search.set` also their new values.

        Without `items` the condition is judged all the same.
        Raises RefusedError: `sql_error`, `statement_not_allowed`, and what a query raises.
        """
        query = Query("", format=ARROW, rows=search)
        collect = partial(_collected, tuple(item.blob for item in items))
        async with self._reading(state, dataset, items, query, positioned=True) as result:
            edits = await read_in_thread(self._pool, result.chunks, collect)
            return FoundRows(edits, not result.reads.deterministic)

    async def scan(self, state: State, dataset: Dataset, item: Object, work: ScanWork[T]) -> T:
        """What `work` makes, in a thread, of all rows of an object in order, in today's types."""
        query = Query(f"SELECT * FROM {quoted(dataset.name)}", format=ARROW)  # noqa: S608  quoted
        async with self._reading(state, dataset, (item,), query) as result:
            return await read_in_thread(self._pool, result.chunks, work)

    @asynccontextmanager
    async def _reading(
        self,
        state: State,
        dataset: Dataset,
        items: tuple[Object, ...],
        query: Query,
        *,
        positioned: bool = False,
    ) -> AsyncIterator[Result]:
        """The result of a query over these objects alone."""
        objects = QueryObjects(self._objects)
        urls = objects.urls(state, dataset, items)
        view = View(dataset.name, urls, dataset.schema, positioned=positioned)
        views = {dataset.name.lower(): view}

        async def resolve(names: frozenset[str] | None) -> Mapping[str, View]:
            return views

        try:
            async with self._engine.run(query, resolve, likely=views, objects=objects) as result:
                yield result
        except RefusedError as error:
            raise RefusedError(objects.failure or error.refused) from error


def _collected(blobs: tuple[str, ...], reader: pa.RecordBatchReader) -> dict[str, RowEdits]:
    """The answer of a search, by blob, with rows in ascending order."""
    names = reader.schema.names[_FIRST_VALUE:]
    parts: dict[int, list[pa.RecordBatch]] = {}
    for batch in reader:
        objects = batch.column(_OBJECT)
        for place in pc.unique(objects).to_pylist():
            own = batch.filter(pc.equal(objects, place))
            parts.setdefault(place, []).append(own.select(range(_ROW, own.num_columns)))
    found: dict[str, RowEdits] = {}
    for place, batches in parts.items():
        rows = pa.Table.from_batches(batches).sort_by(batches[0].schema.names[0]).combine_chunks()
        columns = [column.combine_chunks() for column in rows.columns]
        values = dict(zip(names, columns[1:], strict=True)) if names else None
        found[blobs[place]] = RowEdits(columns[0], values)
    return found
