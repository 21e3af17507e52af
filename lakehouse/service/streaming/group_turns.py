"""Turns of the groups of streams: so many are read and committed at once in a process.

Owns the order among principals, which take turns: whoever has a hundred busy streams does not keep the one
stream of another one waiting.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

AT_ONCE = 32
"""Enough for groups to share a commit while others are read."""


class GroupTurns:
    """The turns of one process. For one event loop."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = at_once
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """By principal, the one whose turn is next first."""

    @asynccontextmanager
    async def turn(self, principal: str) -> AsyncIterator[None]:
        """Wait for a turn; it ends with the context."""
        await self._begin(principal)
        try:
            yield
        finally:
            self._end()

    async def _begin(self, principal: str) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(principal, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # It was its turn already.
                self._end()
            raise

    def _end(self) -> None:
        """Give the turn to the first group of the next principal."""
        while self._waiting:
            principal = next(iter(self._waiting))
            turns = self._waiting.pop(principal)
            turn = turns.popleft()
            if turns:
                self._waiting[principal] = turns
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
