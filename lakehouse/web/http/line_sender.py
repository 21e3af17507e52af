"""The lines of an answer that goes on while its request does.

Owns what waits to be sent, which is bounded however little the client reads: lines that it has not taken
become one. Must never make the sender of a line wait.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

import msgspec
from aiohttp import web

T = TypeVar("T")
KEEPALIVE_S = 10.0
STALLED_S = 30.0
"""How long the client may take nothing at the end, when all has been said."""
_ENCODER = msgspec.json.Encoder()


class LineSender(Generic[T]):
    """Sends lines of one kind; `joined` makes one of two, `alive` one for a silence."""

    def __init__(
        self,
        response: web.StreamResponse,
        joined: Callable[[T, T], T],
        alive: Callable[[], object],
    ) -> None:
        self._response = response
        self._joined = joined
        self._alive = alive
        self._waiting: T | None = None
        self._more = asyncio.Event()
        self._task = asyncio.create_task(self._send())

    def add(self, line: T) -> None:
        """Send a line, as soon as the client takes it."""
        self._waiting = line if self._waiting is None else self._joined(self._waiting, line)
        self._more.set()

    async def end(self, last: bytes) -> None:
        """Send what waits, and then the last line. Raises ConnectionResetError, TimeoutError."""
        await self.close()
        async with asyncio.timeout(STALLED_S):
            if self._waiting is not None:
                await self._response.write(_line(self._waiting))
            await self._response.write(last + b"\n")
            await self._response.write_eof()

    async def close(self) -> None:
        """Send nothing more."""
        self._task.cancel()
        with suppress(asyncio.CancelledError, ConnectionError):
            await self._task

    async def _send(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(KEEPALIVE_S):
                    await self._more.wait()
            self._more.clear()
            line, self._waiting = self._waiting, None
            await self._response.write(_line(self._alive() if line is None else line))


def _line(body: object) -> bytes:
    return _ENCODER.encode(body) + b"\n"
