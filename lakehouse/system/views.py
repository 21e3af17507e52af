"""System views for a query: the files that hold their rows, made from state, journal and logs.

Owns derived files only. Must never hold the journal, or many states, in memory.
"""

import itertools
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import assert_never

import pyarrow as pa
import pyarrow.parquet as pq

from journal.events import Column, Object
from journal.threads import in_thread
from lakehouse.commit.node import Node
from lakehouse.process.spool import full_disk_refused
from lakehouse.system import rows
from lakehouse.system.audit_files import AuditFiles
from lakehouse.system.event_bounds import EventBounds
from lakehouse.system.event_files import EventFiles
from lakehouse.system.files import Files, Loan
from lakehouse.system.lens import CLEAR, Lens
from lakehouse.system.view_table import (
    AUDIT,
    QUARANTINE,
    SCHEMA,
    SYSTEM_VIEWS,
    AuditSource,
    EventsSource,
    LogSource,
    ProcessLogs,
    QuarantineSource,
    StateSource,
    SystemView,
)
from projections import catalog
from projections.catalog import Dataset
from projections.fold import State
from projections.view_sql.datasets import Label, View

Urls = Callable[[State, Dataset, Iterable[Object]], tuple[str, ...]]
"""What DuckDB opens for objects of a dataset in a state."""


class SystemViews:
    """Makes the system views of one node."""

    def __init__(self, node: Node, directory: Path, pool: Executor, logs: ProcessLogs) -> None:
        self._node = node
        self._pool = pool
        self._files = Files(directory)
        self._events = EventFiles(node, pool)
        self._audit = AuditFiles(node.bucket, AUDIT.columns, pool)
        self._logs = logs
        self._numbers = itertools.count(1)

    def loan(self) -> AbstractContextManager[Loan]:
        """A loan for one query: the files of its views are kept until it has ended."""
        return self._files.loan()

    async def view(
        self,
        loan: Loan,
        name: str,
        state: State,
        bounds: EventBounds,
        urls: Urls,
        lens: Lens = CLEAR,
    ) -> View:
        """The system view `name` of a state as a lens shows it; of events at least those in `bounds`.

        The state must be what the lens shows of it.

        Raises RefusedError `insufficient_storage`, and what reading the journal raises.
        """
        view = SYSTEM_VIEWS[name]
        match view.source:
            case QuarantineSource():
                return self._quarantine(state, urls)
            case EventsSource():
                paths = await self._events.paths(loan, state, bounds, lens)
            case AuditSource():
                paths = await self._audit.paths(loan, empty=bool(lens.scope))
            case LogSource(rows=log_of):
                log = lens.log_rows(log_of(self._logs)())
                values = [tuple(row[name] for name in view.columns.names) for row in log]
                file = f"{view.name}-{next(self._numbers)}.parquet"
                paths = [await self._file(loan, file, view, lambda: values)]
            case StateSource(rows=rows_of):
                # An erasure changes what earlier states hold.
                number = f"{state.head.seq}-{state.inventory.erased_at}"
                file = lens.named(f"{view.name}-{number}.parquet")
                paths = [await self._file(loan, file, view, lambda: rows_of(state))]
            case _ as never:
                assert_never(never)
        return View(name, tuple(paths), schema=SCHEMA)

    async def _file(
        self, loan: Loan, name: str, view: SystemView, values: Callable[[], Iterable[rows.Row]]
    ) -> str:
        """The file of this view that has the name; made if absent."""

        async def make(path: Path) -> None:
            with full_disk_refused():
                await in_thread(self._pool, lambda: _write(path, view.columns, values()))

        return await loan.path(name, make)

    def _quarantine(self, state: State, urls: Urls) -> View:
        """The quarantine files themselves, which are Parquet objects in the bucket."""
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
        columns = tuple(Column(field.name, str(field.type)) for field in QUARANTINE.columns)
        return View(QUARANTINE.name, places, columns, SCHEMA, labels)


def _write(path: Path, columns: pa.Schema, values: Iterable[rows.Row]) -> None:
    pq.write_table(rows.table(columns, values), path, compression="zstd")
