"""Prefetch: read a file while it still arrives, under the contract that its dataset is by then.

Whether the result is of use is known when the file is complete: if it is not to be read, or under
another contract, the result is dropped. Decides nothing and uploads nothing.
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
from lakehouse.formats.ingest import ingest_file
from lakehouse.formats.limits import LargeRecordError
from lakehouse.formats.options import Options
from lakehouse.formats.reader import Parsed, ReadRequest
from lakehouse.formats.schema import Contract
from lakehouse.process.growing_file import GrowingFile
from lakehouse.service.ingest.contracts import contract_of, needs_exact
from lakehouse.service.ingest.memory import IngestMemory
from lakehouse.service.ingest.plan import IngestPlan
from lakehouse.service.ingest.work_dir import WorkDir, work_dir
from projections import catalog

PLACES = 2
"""How many files may be read ahead at once. Each occupies a thread of the pool and its memory while it
arrives; further files are read once they are complete."""


class Prefetch:
    """The reading of one file ahead; of no use until, and unless, it is begun."""

    def __init__(self, places: "Prefetcher", work: WorkDir) -> None:
        self._places = places
        self._work = work
        self._file: GrowingFile | None = None
        self._under: tuple[Options, Contract | None, bool] | None = None
        self._task: asyncio.Task[Parsed | Refused | None] | None = None
        self.is_large = False
        """Whether a large record ended the reading."""

    def begin(self, plan: IngestPlan, file: GrowingFile, *, explains: bool) -> None:
        """Begin to read `file`, if a thread is free and the contract is known at once.

        `explains`: also find why each column has its type, which takes a quarter of the CPU time again.
        """
        if self._places.taken >= PLACES or needs_exact(plan):
            return
        live = catalog.find(self._places.node.state.catalog, plan.name)
        contract = contract_of(plan, live, frozenset())
        self._file, self._under = file, (plan.options, contract, explains)
        reading = self._places.read(plan, contract, file, self._work, explains=explains)
        self._task = asyncio.create_task(reading)

    async def end(
        self, options: Options, contract: Contract | None, *, explains: bool
    ) -> Parsed | Refused | None:
        """What was read of the complete file; None if it was read under others. Call this once.

        Also None if it has a large record: it `is_large`, and is to be read in turn.
        """
        under = (options, contract, explains)
        if self._task is None or self._file is None or self._under != under:
            return None
        self._under = None
        self._file.end()
        read = await asyncio.shield(self._task)
        self.is_large = read is None
        return read

    async def give_up(self) -> None:
        """Stop, unless it was ended, and wait until the thread has stopped."""
        if self._task is None or self._file is None:
            return
        self._file.give_up()
        # Any other outcome was returned or raised by `end`.
        await over(self._task)


class Prefetcher:
    """Reads files ahead, on a bounded number of threads of the pool."""

    def __init__(
        self,
        node: Node,
        pool: Executor,
        spool_dir: Path,
        memory: IngestMemory,
    ) -> None:
        self.node = node
        self.taken = 0
        self._pool = pool
        self._spool_dir = spool_dir
        self._memory = memory

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Prefetch]:
        """A reading that may be begun; its result is dropped when the context ends."""
        async with work_dir(self._spool_dir, self._pool) as work:
            reading = Prefetch(self, work)
            try:
                yield reading
            finally:
                await reading.give_up()

    async def read(
        self,
        plan: IngestPlan,
        contract: Contract | None,
        file: GrowingFile,
        work: WorkDir,
        *,
        explains: bool,
    ) -> Parsed | Refused | None:
        """Read `file` in a thread, which counts as taken for as long as that takes.

        None if it has a large record.
        """
        self.taken += 1
        try:
            request = ReadRequest(
                source=file,
                content_encoding=plan.content_encoding,
                options=plan.options,
                contract=contract,
                work_dir=work.fresh,
                limits=self._memory.limits,
                budget=self._memory.budget,
                explains=explains,
            )
            return await in_thread(self._pool, partial(ingest_file, request))
        except LargeRecordError:
            return None
        finally:
            self.taken -= 1
