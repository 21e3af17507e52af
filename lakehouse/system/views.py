"""System views for a query: which files hold their rows, and how those are made from state and journal.

Owns nothing that is not derived. Must never hold the journal, or many states, in memory.
"""

import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import Executor
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from journal.slot import JournalCorrupt, Slot, check_link
from journal.threads import in_thread
from lakehouse.node import Node
from lakehouse.query.relations import SCHEMA
from lakehouse.spool import full_disk_refused
from lakehouse.system import rows, shapes
from lakehouse.system.blocks import Block, blocks
from lakehouse.system.files import Files, Loan, Make
from projections import catalog
from projections.fold import State
from projections.views import Label, View

GROUP_EVENTS = 5_000
Remembered = Callable[[], Iterable[Mapping[str, Any]]]

_OF_STATE: dict[str, Callable[[State], pa.Table]] = {
    "datasets": rows.datasets,
    "columns": rows.columns,
    "objects": rows.objects,
}


class SystemViews:
    """Makes the system views of one node."""

    def __init__(
        self, node: Node, directory: Path, pool: Executor, logs: Mapping[str, Remembered]
    ) -> None:
        self._node = node
        self._pool = pool
        self._files = Files(directory)
        self._logs = logs
        self._numbers = itertools.count(1)

    @asynccontextmanager
    async def loan(self) -> AsyncIterator[Loan]:
        """For one query: the files of its views stay until it has ended."""
        async with self._files.loan() as loan:
            yield loan

    async def view(self, loan: Loan, name: str, state: State, seqs: range) -> View:
        """The system view `name` of a state; of events at least those whose seq is in `seqs`.

        Raises RefusedError `insufficient_storage`, and what reading the journal raises.
        """
        if name == "quarantine":
            return self._quarantine(state)
        if name == "events":
            paths = await self._events(loan, state, seqs)
        elif name in self._logs:
            file = f"{name}-{next(self._numbers)}.parquet"
            remembered = list(self._logs[name]())
            paths = [await loan.path(file, self._maker(lambda: rows.log(name, remembered)))]
        else:
            make = _OF_STATE[name]
            file = f"{name}-{state.head.seq}.parquet"
            paths = [await loan.path(file, self._maker(lambda: make(state)))]
        return View(name, tuple(paths), schema=SCHEMA)

    def _quarantine(self, state: State) -> View:
        """The quarantine files themselves: they are Parquet, and lie in the bucket."""
        held = [
            (dataset.name, item)
            for dataset in catalog.in_name_order(state.catalog)
            for item in dataset.quarantine
        ]
        versions = state.inventory.blobs
        labels = (
            Label("dataset", tuple(name for name, _ in held)),
            Label("key", tuple(item.key for _, item in held)),
            Label("seq", tuple(versions[item.blob].seq for _, item in held)),
        )
        places = tuple(self._node.bucket.locate(item.blob) for _, item in held)
        return View("quarantine", places, shapes.QUARANTINE, SCHEMA, labels)

    async def _events(self, loan: Loan, state: State, seqs: range) -> list[str]:
        wanted = range(max(seqs.start, 1), min(seqs.stop, state.head.seq + 1))
        if not wanted:
            return [await loan.path("events-0.parquet", self._maker(shapes.EVENTS.empty_table))]
        first = await self._node.past.slot_of(wanted[0])
        last = await self._node.past.slot_of(wanted[-1])
        # The state may stand within its last slot, by an as_of.
        through_seq = state.head.seq if state.head.seq < last.head.seq else None
        paths = []
        for block in blocks(first.header.position, last.header.position):
            through = through_seq if block.last == last.header.position else None
            name = f"events-{block.first}-{block.last}-{through or 'all'}.parquet"
            paths.append(await loan.path(name, self._block_maker(block, through)))
        return paths

    def _maker(self, table: Callable[[], pa.Table]) -> Make:
        async def make(path: Path) -> None:
            with full_disk_refused():
                await in_thread(
                    self._pool, lambda: pq.write_table(table(), path, compression="zstd")
                )

        return make

    def _block_maker(self, block: Block, through_seq: int | None) -> Make:
        async def make(path: Path) -> None:
            with (
                full_disk_refused(),
                pq.ParquetWriter(path, shapes.EVENTS, compression="zstd") as writer,
            ):

                def write(slots: list[Slot]) -> None:
                    writer.write_table(rows.events(slots, through_seq))

                async for slots in self._groups(block):
                    await in_thread(self._pool, partial(write, slots))

        return make

    async def _groups(self, block: Block) -> AsyncIterator[list[Slot]]:
        """The block's slots, joined by their hashes, in groups of about GROUP_EVENTS events."""
        group: list[Slot] = []
        before: Slot | None = None
        journal = self._node.follower.journal
        async with aclosing(journal.history(block.first, block.last)) as slots:
            async for slot in slots:
                if before is not None:
                    check_link(before.head, slot, journal.lake.lake)
                before = slot
                group.append(slot)
                if sum(each.header.events for each in group) >= GROUP_EVENTS:
                    yield group
                    group = []
        if before is None or before.header.position != block.last:
            missing = before.header.position + 1 if before else block.first
            raise JournalCorrupt(missing, "it was read before and is absent now")
        if group:
            yield group
