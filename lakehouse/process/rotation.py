"""New credentials without a restart: what gives them is read again, and who uses them is told.

Knows no secret's shape and shows none. What cannot be read leaves everything as it is: a file that is
just being written, or was removed, must not stop a server whose credentials still hold.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Generic, TypeVar

import structlog

from lakehouse.config import ConfigError
from lakehouse.query.worker_handle import WorkerDied

T = TypeVar("T")

log = structlog.get_logger()


class Rotation(Generic[T]):
    """Credentials as `read` finds them; `use` is told of each change."""

    def __init__(
        self, read: Callable[[], T], use: Callable[[T], Awaitable[None]], known: T
    ) -> None:
        self._read = read
        self._use = use
        self._known = known

    async def look(self) -> bool:
        """Read once. Returns whether there was something new to tell."""
        try:
            found = await asyncio.to_thread(self._read)
        except (ConfigError, ValueError) as error:
            log.warning("credentials_unreadable", detail=str(error))
            return False
        if found == self._known:
            return False
        self._known = found
        try:
            await self._use(found)
        except (WorkerDied, OSError) as error:
            log.warning("credentials_used_late", kind=type(error).__name__)
        log.info("credentials_renewed")
        return True

    async def watch(self, interval_s: float) -> None:
        """Look every `interval_s`, for ever."""
        while True:
            await asyncio.sleep(interval_s)
            await self.look()


@asynccontextmanager
async def running(
    work: Coroutine[Any, Any, None], failed: Callable[[], None]
) -> AsyncIterator[None]:
    """Have `work` done meanwhile, and called off at the end; `failed` is called if it ends itself."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda ended: None if ended.cancelled() else failed())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
