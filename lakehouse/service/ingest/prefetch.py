"""Ahead: a file is read while it still arrives, under what the catalog says of its dataset by then.

Whether that reading is of use is seen when all has come: where the file is not to be read after
all, or under another contract, it is given up. It decides nothing and uploads nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from journal.threads import in_thread, over
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused
from lakehouse.formats.growing_file import GrowingFile
from lakehouse.formats.ingest import ingest_file
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.options import Options
from lakehouse.formats.reader import Parsed, ReadRequest
from lakehouse.formats.schema import Contract
from lakehouse.service.ingest.contracts import asks_for_exact, contract_of
from lakehouse.service.ingest.plan import IngestPlan
from lakehouse.service.ingest.work_dir import WorkDir, work_dir
from projections import catalog

PLACES = 2
"""How many files may be read ahead at once. Each keeps a thread of the pool and its room in memory
for as long as its sender takes; who finds no place is read when all has come."""


class Prefetch:
    """The reading ahead of one file. Until it is begun, and where it cannot be, it is of no use."""

    def __init__(self, places: "Prefetcher", work: WorkDir) -> None:
        self._places = places
        self._work = work
        self._file: GrowingFile | None = None
        self._under: tuple[Options, Contract | None] | None = None
        self._task: asyncio.Task[Parsed | Refused] | None = None

    def begin(self, plan: IngestPlan, file: GrowingFile) -> None:
        """Begin to read `file`, if there is a place and the contract is known at once."""
        if self._places.taken >= PLACES or asks_for_exact(plan):
            return
        live = catalog.find(self._places.node.state.catalog, plan.name)
        contract = contract_of(plan, live, frozenset())
        self._file, self._under = file, (plan.options, contract)
        self._task = asyncio.create_task(self._places.read(plan, contract, file, self._work))

    async def end(self, options: Options, contract: Contract | None) -> Parsed | Refused | None:
        """What was read, all having come; None where it was not read under these. Once."""
        if self._task is None or self._file is None or self._under != (options, contract):
            return None
        self._under = None
        self._file.end()
        return await asyncio.shield(self._task)

    async def give_up(self) -> None:
        """Leave off, if it was not ended, and wait until the thread has done so."""
        if self._task is None or self._file is None:
            return
        self._file.give_up()
        # That it was given up is no news, and what else happened was told by `end`.
        await over(self._task)


class Prefetcher:
    """Where files are read ahead: a bounded number of threads of the pool."""

    def __init__(self, node: Node, pool: Executor, spool_dir: Path, limits: IngestLimits) -> None:
        self.node = node
        self.taken = 0
        self._pool = pool
        self._spool_dir = spool_dir
        self._limits = limits

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Prefetch]:
        """A reading that may be begun; what came of it is gone when the context ends."""
        async with work_dir(self._spool_dir, self._pool) as work:
            reading = Prefetch(self, work)
            try:
                yield reading
            finally:
                await reading.give_up()

    async def read(
        self, plan: IngestPlan, contract: Contract | None, file: GrowingFile, work: WorkDir
    ) -> Parsed | Refused:
        """Read `file` in a thread, keeping a place for as long as that takes."""
        self.taken += 1
        try:
            request = ReadRequest(
                source=file,
                content_encoding=plan.content_encoding,
                options=plan.options,
                contract=contract,
                work_dir=work.fresh,
                limits=self._limits,
            )
            return await in_thread(self._pool, partial(ingest_file, request))
        finally:
            self.taken -= 1
