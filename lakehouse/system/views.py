"""System views for a query: which files hold their rows, and how those are made from state and journal.

Owns nothing that is not derived. Must never hold the journal, or many states, in memory.
"""

import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from journal.events import Object
from journal.threads import in_thread
from lakehouse.commit.node import Node
from lakehouse.process.spool import full_disk_refused
from lakehouse.query.relations import SCHEMA, Seen
from lakehouse.system import rows, view_columns
from lakehouse.system.event_files import EventFiles
from lakehouse.system.files import Files, Loan, Make
from projections import catalog
from projections.catalog import Dataset
from projections.fold import State
from projections.views import Label, View

Urls = Callable[[State, Dataset, Iterable[Object]], tuple[str, ...]]
"""What DuckDB opens for objects of a dataset in a state."""
Remembered = Callable[[], Iterable[Mapping[str, Any]]]

_OF_STATE: dict[str, Callable[[State], pa.Table]] = {
    "datasets": rows.datasets,
    "columns": rows.columns,
    "objects": rows.objects,
    "views": rows.views,
}


class SystemViews:
    """Makes the system views of one node."""

    def __init__(
        self, node: Node, directory: Path, pool: Executor, logs: Mapping[str, Remembered]
    ) -> None:
        self._node = node
        self._pool = pool
        self._files = Files(directory)
        self._events = EventFiles(node, pool)
        self._logs = logs
        self._numbers = itertools.count(1)

    @asynccontextmanager
    async def loan(self) -> AsyncIterator[Loan]:
        """For one query: the files of its views stay until it has ended."""
        async with self._files.loan() as loan:
            yield loan

    async def view(self, loan: Loan, name: str, state: State, seen: Seen, urls: Urls) -> View:
        """The system view `name` of a state; of events at least those that are `seen`.

        Raises RefusedError `insufficient_storage`, and what reading the journal raises.
        """
        if name == "quarantine":
            return self._quarantine(state, urls)
        if name == "events":
            paths = await self._events.paths(loan, state, seen)
        elif name in self._logs:
            file = f"{name}-{next(self._numbers)}.parquet"
            remembered = list(self._logs[name]())
            paths = [await loan.path(file, self._maker(lambda: rows.log(name, remembered)))]
        else:
            make = _OF_STATE[name]
            file = f"{name}-{state.head.seq}.parquet"
            paths = [await loan.path(file, self._maker(lambda: make(state)))]
        return View(name, tuple(paths), schema=SCHEMA)

    def _quarantine(self, state: State, urls: Urls) -> View:
        """The quarantine files themselves: they are Parquet, and lie in the bucket."""
        holders = [each for each in catalog.in_name_order(state.catalog) if each.quarantine]
        held = [(dataset.name, item) for dataset in holders for item in dataset.quarantine]
        places = tuple(
            url for dataset in holders for url in urls(state, dataset, dataset.quarantine)
        )
        versions = state.inventory.blobs
        labels = (
            Label("dataset", tuple(name for name, _ in held)),
            Label("key", tuple(item.key for _, item in held)),
            Label("seq", tuple(versions[item.blob].seq for _, item in held)),
        )
        return View("quarantine", places, view_columns.QUARANTINE, SCHEMA, labels)

    def _maker(self, table: Callable[[], pa.Table]) -> Make:
        async def make(path: Path) -> None:
            with full_disk_refused():
                await in_thread(
                    self._pool, lambda: pq.write_table(table(), path, compression="zstd")
                )

        return make
