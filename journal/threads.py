"""Runs blocking work in a pool of threads and awaits its end even when the caller is cancelled."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

T = TypeVar("T")


async def in_thread(pool: Executor | None, work: Callable[[], T]) -> T:
    """Run `work` in the pool, or in the loop's own. Cancelled, it still waits: a thread cannot be
    stopped, and what it works on (a file, a compressor) must not be closed or removed under it.
    """
    future = asyncio.get_running_loop().run_in_executor(pool, work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise


async def over(task: asyncio.Task[T]) -> None:
    """Wait until `task` is over, however it ends, even when cancelled."""
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
    finally:
        if task.done() and not task.cancelled():
            task.exception()
