"""Changed credentials take effect without a restart: their source is read again at intervals.

Knows no secret's form and logs none. When the source cannot be read, the current credentials stay in use:
a file that is being written or was removed must not stop a server whose credentials are still valid.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Generic, TypeVar

import structlog

from lakehouse.config import ConfigError

T = TypeVar("T")

log = structlog.get_logger()


class Rotation(Generic[T]):
    """Reads credentials with `read` and passes each change to `use`; `current` are in use."""

    def __init__(self, read: Callable[[], T], use: Callable[[T], None], current: T) -> None:
        self._read = read
        self._use = use
        self._current = current

    async def refresh(self) -> bool:
        """Read once. Returns whether the credentials have changed."""
        try:
            found = await asyncio.to_thread(self._read)
        except (ConfigError, ValueError) as error:
            log.warning("credentials_unreadable", detail=str(error))
            return False
        if found == self._current:
            return False
        self._current = found
        self._use(found)
        log.info("credentials_renewed")
        return True

    async def watch(self, interval_s: float) -> None:
        """Refresh every `interval_s`, until cancelled."""
        while True:
            await asyncio.sleep(interval_s)
            await self.refresh()


@asynccontextmanager
async def running(
    work: Coroutine[Any, Any, None], failed: Callable[[], None]
) -> AsyncIterator[None]:
    """Run `work` while the context lasts, then cancel it; call `failed` if it ends before that."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda ended: None if ended.cancelled() else failed())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
