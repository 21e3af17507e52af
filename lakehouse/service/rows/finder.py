"""Finds rows of a dataset by a condition, and reads all rows of one object, in a worker.

The worker decodes the objects, which anyone may have uploaded; this process only gets columns of
Arrow. Must never decide what becomes of the rows.
"""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from journal.events import Column, Object
from journal.threads import in_thread
from lakehouse.domain.access.rights import READ
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.parquet.row_positions import RowPositions
from lakehouse.formats.parquet.writer import ParquetFile
from lakehouse.query.engine import Query, QueryEngine, Result
from lakehouse.query.processes.object_channel import ObjectSource
from lakehouse.query.wire.messages import KEYS, RowSearch
from lakehouse.service.access.permissions import Permissions
from lakehouse.service.caller import Caller
from lakehouse.service.objects import VerifiedObjects
from lakehouse.service.rows.arrow_stream import T, read_in_thread
from lakehouse.service.rows.file_objects import FileObjects
from lakehouse.service.rows.large_objects import LargeObjects, RewritePlace
from lakehouse.service.sql.query_objects import QueryObjects
from projections.catalog import Dataset
from projections.fold import State
from projections.view_sql.datasets import View, quoted, stored_columns

ARROW = "arrow"
_OBJECT, _ROW, _MISFIT, _SHOWN = 0, 1, 2, 3
"""The places of the columns of what a search answers."""
_OF_NO_VALUE = re.compile(r"(set [^\n]*: )?(Binder|Catalog|Parser) Error")
_MANY = 1_000_000
"""After so many positions Arrow returns the memory that it keeps for later."""

ScanWork = Callable[[pa.RecordBatchReader], T]


class FoundRows(msgspec.Struct, frozen=True):
    """By blob, the positions of the rows of the objects that hold any of them.

    `reads_clock`: whether the condition or a new value depends on now().
    """

    rows: dict[str, RowPositions]
    reads_clock: bool


class KeyRows(msgspec.Struct, frozen=True):
    """A file that is not in the bucket, whose rows are the keys of a search."""

    files: tuple[ParquetFile, ...]
    columns: tuple[Column, ...]


class RowFinder:
    """Reads one node's objects through its query workers."""

    def __init__(
        self,
        objects: VerifiedObjects,
        engine: QueryEngine,
        pool: Executor,
        *,
        is_work: bool = False,
        principal: str = "",
        shows_values: bool = True,
    ) -> None:
        self._principal = principal
        self._shows_values = shows_values
        self._is_work = is_work
        """Whether a change needs the rows, so that the time limit of queries is not its own."""
        self._large = LargeObjects(objects, pool)
        self._objects = objects
        self._engine = engine
        self._pool = pool

    def for_caller(self, caller: Caller, held: Permissions, name: str) -> "RowFinder":
        """One whose queries count as the caller's.

        Its errors name no value of the dataset to a caller who may change it, but not read it.
        """
        return RowFinder(
            *(self._objects, self._engine, self._pool),
            is_work=self._is_work,
            principal=caller.principal or "",
            shows_values=held.may(READ, name),
        )

    async def find(
        self,
        state: State,
        dataset: Dataset,
        items: tuple[Object, ...],
        search: RowSearch,
        keys: KeyRows | None = None,
    ) -> FoundRows:
        """The rows of `items` that fulfil the condition, once their new values are known to fit.

        With `search.key` those that have one of `keys`, a file with these columns.
        Without `items` the expressions are judged all the same.
        Raises RefusedError: `sql_error`, `statement_not_allowed`, `value_does_not_fit`, and what a
        query raises.
        """
        query = Query("", format=ARROW, rows=search, is_work=self._is_work)
        if search.key:
            dataset = _with_columns(dataset, search.key)
        collect = partial(_collected, tuple(item.blob for item in items), search)
        async with self._reading(state, dataset, items, query, keys) as result:
            rows = await read_in_thread(self._pool, result.chunks, collect)
            return FoundRows(rows, not result.reads.deterministic)

    async def shape(self, state: State, dataset: Dataset, item: Object) -> pa.Schema:
        """The columns of an object, with the types of values as a query answers them."""
        sql = f"SELECT * FROM {quoted(dataset.name)} LIMIT 0"  # noqa: S608  quoted
        async with self._reading(state, dataset, (item,), Query(sql, format=ARROW)) as result:
            return await read_in_thread(self._pool, result.chunks, lambda reader: reader.schema)

    async def scan(
        self,
        state: State,
        dataset: Dataset,
        item: Object,
        work: ScanWork[T],
        changed: RowSearch | None = None,
    ) -> T:
        """What `work` makes, in a thread, of all rows of an object in order, in today's types.

        With `changed` the rows that it finds have their new values.
        """
        sql = f"SELECT * FROM {quoted(dataset.name)}"  # noqa: S608  quoted
        query = Query(sql, format=ARROW, is_work=self._is_work)
        if changed is not None:
            rows = msgspec.structs.replace(changed, changed=True)
            query = Query("", format=ARROW, rows=rows, is_work=self._is_work)
        async with self._reading(state, dataset, (item,), query) as result:
            return await read_in_thread(self._pool, result.chunks, work)

    async def rewrite_large(
        self,
        state: State,
        dataset: Dataset,
        item: Object,
        rows: RowPositions,
        search: RowSearch,
        place: RewritePlace,
    ) -> tuple[ParquetFile, ...] | None:
        """A large object without these rows, or with the new values that the search has for them.

        None where its process fails. Raises RefusedError as `find` does.
        """
        values = None
        if search.set:
            values = await in_thread(self._pool, place.directory.fresh) / "values.arrow"
            await self._store_values(state, dataset, item, search, values)
        files = await self._large.rewritten(state, dataset, item, rows, place, values)
        if values is not None:
            await in_thread(self._pool, values.unlink)
        return files

    async def _store_values(
        self, state: State, dataset: Dataset, item: Object, search: RowSearch, path: Path
    ) -> None:
        """Write the new values of the rows that `search` finds in an object to a file, as Arrow stream."""
        rows = msgspec.structs.replace(search, values=True)
        query = Query("", format=ARROW, rows=rows, is_work=self._is_work)
        async with self._reading(state, dataset, (item,), query) as result:
            with await in_thread(self._pool, partial(_created, path)) as file:
                async for chunk in result.chunks:
                    await in_thread(self._pool, partial(file.write, chunk))

    @asynccontextmanager
    async def _reading(
        self,
        state: State,
        dataset: Dataset,
        items: tuple[Object, ...],
        query: Query,
        keys: KeyRows | None = None,
    ) -> AsyncIterator[Result]:
        """The result of a query over these objects alone."""
        objects = QueryObjects(self._objects)
        urls = objects.urls(state, dataset, items)
        like = () if is_flat(dataset) else objects.urls(state, dataset, dataset.objects)
        positioned = query.rows is not None
        view = View(dataset.name, urls, dataset.schema, positioned=positioned, like=like)
        views = {dataset.name.lower(): view}
        source: ObjectSource = objects
        if keys is not None:
            source = files = FileObjects(keys.files, self._pool, objects)
            names = query.rows.key if query.rows is not None else ()
            columns = tuple(column for column in keys.columns if column.name in names)
            views[KEYS] = View(KEYS, files.urls, columns)

        async def resolve(names: frozenset[str] | None) -> Mapping[str, View]:
            return views

        try:
            query = msgspec.structs.replace(query, principal=self._principal)
            async with self._engine.run(query, resolve, likely=views, objects=source) as result:
                yield result
        except RefusedError as error:
            refused = objects.failure or error.refused
            raise RefusedError(
                refused if self._shows_values else _without_values(refused)
            ) from error


def _without_values(refused: Refused) -> Refused:
    """A failure without the value that it names; what does not bind or parse names none."""
    if refused.code == "sql_error" and _OF_NO_VALUE.match(refused.detail) is None:
        detail = (
            "an expression failed on a value, which is not shown to who may not read the dataset"
        )
        return Refused("sql_error", detail)
    if refused.code == "value_does_not_fit":
        detail = "a new value does not fit; it is not shown to who may not read the dataset"
        return Refused(refused.code, detail, refused.errors)
    return refused


def _created(path: Path) -> BinaryIO:
    return path.open("wb")


def is_flat(dataset: Dataset) -> bool:
    """Whether the types of all columns are known; those of nested ones are found in the objects."""
    return stored_columns(View(dataset.name, (), dataset.schema)) is not None


def _with_columns(dataset: Dataset, names: tuple[str, ...]) -> Dataset:
    columns = tuple(column for column in dataset.schema or () if column.name in names)
    return msgspec.structs.replace(dataset, schema=columns)


def _collected(
    blobs: tuple[str, ...], search: RowSearch, reader: pa.RecordBatchReader
) -> dict[str, RowPositions]:
    """The positions that a search answers, by blob. Raises RefusedError `value_does_not_fit`."""
    found: dict[str, RowPositions] = {}
    taken = 0
    for batch in reader:
        taken += batch.num_rows
        if taken >= _MANY:
            taken = 0
            pa.default_memory_pool().release_unused()
        if search.set and batch.column(_MISFIT).null_count < batch.num_rows:
            raise RefusedError(_misfit(search, batch))
        objects = batch.column(_OBJECT)
        for place in pc.unique(objects).to_pylist():
            rows = batch.column(_ROW).filter(pc.equal(objects, place))
            found.setdefault(blobs[place], RowPositions()).add(rows)
    return found


def _misfit(search: RowSearch, batch: pa.RecordBatch) -> Refused:
    """The refusal of the first new value that does not fit its column."""
    places = batch.column(_MISFIT)
    first = pc.index(pc.is_valid(places), True).as_py()
    column, _ = search.set[places[first].as_py()]
    shown = batch.column(_SHOWN)[first].as_py()
    detail = f"column {column}: {shown} does not fit its type; nothing was changed"
    return Refused("value_does_not_fit", detail, ({"column": column},))
