"""Reads a worker's Arrow stream in a thread while it arrives. Memory holds a few batches.

Must never take a truncated stream for a whole one: what `work` returned counts only when the last
chunk has come.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

import pyarrow as pa

from journal.threads import in_thread, over

T = TypeVar("T")
_BUFFER_BYTES = 1024 * 1024


async def read_in_thread(
    pool: Executor, chunks: AsyncIterator[bytes], work: Callable[[pa.RecordBatchReader], T]
) -> T:
    """What `work` makes of the stream, in a thread of the pool. It may stop before the end.

    Raises what `chunks` raises, then what `work` raises.
    """
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    task = asyncio.create_task(in_thread(pool, partial(_read, theirs, work)))
    try:
        await _send(ours, chunks)
    except BaseException:
        ours.close()  # the thread sees an end
        await over(task)
        raise
    ours.close()
    return await task


async def _send(ours: socket.socket, chunks: AsyncIterator[bytes]) -> None:
    loop, taken = asyncio.get_running_loop(), True
    async for chunk in chunks:
        if not taken:
            continue  # the query ends by itself, and its failure still counts
        try:
            await loop.sock_sendall(ours, chunk)
        except (BrokenPipeError, ConnectionResetError):
            taken = False


def _read(theirs: socket.socket, work: Callable[[pa.RecordBatchReader], T]) -> T:
    with theirs, theirs.makefile("rb", buffering=_BUFFER_BYTES) as file:
        return work(pa.ipc.open_stream(pa.PythonFile(file)))
