"""Turns to change rows of a dataset: one change at a time per dataset, and a limited number in this
process.

Two changes of the same objects cannot both be made as they were prepared, so that the second one's work
would be lost. Other processes are not waited for: a decision finds out what they did.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

JOBS_AT_ONCE = 2
"""So many changes of rows work at once in a process, which bounds their memory; others wait."""


class RowTurns:
    """The turns of one process."""

    def __init__(self) -> None:
        self._working = asyncio.Semaphore(JOBS_AT_ONCE)
        self._datasets: dict[str, asyncio.Lock] = {}
        self._interested: dict[str, int] = {}

    def is_taken(self, name: str) -> bool:
        """Whether a change of rows of the dataset works or waits."""
        return name.lower() in self._interested

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Wait for the turn to change rows of the dataset; it ends with the context."""
        name = name.lower()
        lock = self._datasets.setdefault(name, asyncio.Lock())
        self._interested[name] = self._interested.get(name, 0) + 1
        try:
            async with lock, self._working:
                yield
        finally:
            self._interested[name] -= 1
            if not self._interested[name]:
                del self._interested[name], self._datasets[name]
