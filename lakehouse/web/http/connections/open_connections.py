"""The open connections of one server: how many there may be, and how long each may take for a head.

Owns which connection gives way when there are too many. Never answers, and never ends a connection
whose request is being answered.
"""

import asyncio
from contextlib import suppress

import structlog

from journal.clock import Clock
from lakehouse.web.http.connections.connection import Connection

HEAD_S = 10.0
"""For how long the head of a request may be incomplete."""
LOOK_S = 1.0

log = structlog.get_logger()


class Connections:
    """At most `limit` at a time: a new one replaces the oldest that has no request."""

    def __init__(self, limit: int, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._open: dict[Connection, float | None] = {}
        """Oldest first, and since when each has been sending a head; None while it sends none."""
        self._watching: asyncio.Task[None] | None = None

    def opened(self, connection: Connection) -> None:
        """Admit a connection, and end another, or this one, if there are too many."""
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        self._open[connection] = self._clock.monotonic()
        if len(self._open) > self._limit:
            idle = next((each for each in self._open if each.idle), connection)
            self._end(idle)

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._open.pop(connection, None)

    async def close(self) -> None:
        """End the task that watches heads."""
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(LOOK_S)
            now_s = self._clock.monotonic()
            for connection, since_s in list(self._open.items()):
                if not connection.awaits_head:
                    self._open[connection] = None
                elif since_s is None:
                    self._open[connection] = now_s
                elif now_s - since_s >= HEAD_S:
                    self._end(connection)

    def _end(self, connection: Connection) -> None:
        self.closed(connection)
        if connection.transport is not None:
            connection.transport.abort()
