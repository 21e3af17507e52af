"""The memory that the ingests of one process share: a budget, and a turn for files with large records.

A record of 60 MiB takes several times as much while it is read and written, which no budget can divide. A
file is read as if it had none; the first one ends that reading, and the file is read again when no other
file with large records is. So whoever waits holds nothing, and whoever holds the turn waits for nothing
but its own work: the file has arrived by then. Must never wait in a thread.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeVar

import msgspec
import pyarrow as pa

from journal.threads import in_thread
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.limits import LARGE_BYTES, SHARED_BYTES, IngestLimits, LargeRecordError
from lakehouse.formats.ordered_parallel import ByteBudget
from lakehouse.formats.reader import ReadRequest
from lakehouse.process.memory import return_free_memory

T = TypeVar("T")
WAIT_S = 30.0
"""How long a file waits for its turn."""
RETRY_AFTER_S = 5


class IngestMemory:
    """What every ingest of a process is read under. For one event loop."""

    def __init__(self, upload_bytes: int, wait_s: float = WAIT_S) -> None:
        self.limits = IngestLimits(decoded_bytes=upload_bytes, large_bytes=LARGE_BYTES)
        self.budget = ByteBudget(SHARED_BYTES)
        self._turn = asyncio.Lock()
        self._wait_s = wait_s

    async def read(
        self, pool: Executor, work: Callable[[ReadRequest], T], request: ReadRequest
    ) -> T:
        """`work` of the request in a thread; once more, in turn, if the file has a large record."""
        with suppress(LargeRecordError):
            return await in_thread(pool, partial(work, request))
        # Outside: while it is handled, the exception holds what was read of the record.
        return await self.read_in_turn(pool, work, request)

    async def read_in_turn(
        self, pool: Executor, work: Callable[[ReadRequest], T], request: ReadRequest
    ) -> T:
        """`work` of the request, which may meet large records. Raises RefusedError `busy`."""
        limits = msgspec.structs.replace(request.limits, large_bytes=None)
        allowed = msgspec.structs.replace(request, limits=limits)
        async with self._in_turn():
            return await in_thread(pool, partial(_releasing_memory, work, allowed))

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._wait_s):
                await self._turn.acquire()
        except TimeoutError as error:
            detail = (
                f"files with records of more than {LARGE_BYTES >> 20} MiB are read one at a time; "
                f"others took longer than {self._wait_s:g} s"
            )
            raise RefusedError(Refused("busy", detail, retry_after_s=RETRY_AFTER_S)) from error
        try:
            yield
        finally:
            self._turn.release()


def _releasing_memory(work: Callable[[ReadRequest], T], request: ReadRequest) -> T:
    """`work`, after which Arrow returns the memory that it caches for this thread: the next file with a
    large record is read in another one."""
    try:
        return work(request)
    finally:
        pa.default_memory_pool().release_unused()
        return_free_memory()
