"""How fast a client must send a body and take a result, so that it holds no shared place for long.

Owns the two rules and the tasks that watch them, one per request at most; the clock is passed in.
Never reads or writes a body itself.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import web

from journal.clock import Clock

STEP_S = 10.0
WINDOW_STEPS = 3
WINDOW_S = STEP_S * WINDOW_STEPS
WINDOW_BYTES = 30 * 1024
"""Minimum number of bytes of a body in any WINDOW_S: 1 KiB/s."""
LOOK_S = 1.0
TURN_S = 0.005
"""How long one body is read before other tasks run: bytes that have arrived are read without waiting."""

T = TypeVar("T")


class BodyTooSlow(Exception):  # set on a stream, to be translated by who reads it
    """Less than WINDOW_BYTES of a body came within WINDOW_S."""


class Pace:
    """Watches one request: its body on the way in, its result on the way out."""

    def __init__(self, request: web.BaseRequest, clock: Clock) -> None:
        self._request = request
        self._clock = clock
        self._reading = False
        self._turn_s = 0.0
        self._body: asyncio.Task[None] | None = None
        self._result: asyncio.Task[None] | None = None

    async def read(self, reading: Awaitable[T]) -> T:
        """The result of `reading` from the body. Raises BodyTooSlow, and what `reading` raises."""
        if self._body is None and not self._request.content.is_eof():
            self._body = asyncio.create_task(self._watch_body())
        now_s = time.monotonic()
        if now_s - self._turn_s > TURN_S:
            self._turn_s = now_s
            await asyncio.sleep(0)
        self._reading = True
        try:
            return await reading
        finally:
            self._reading = False

    def watch_result(self, patience_s: Callable[[], float | None]) -> None:
        """From now on, close the connection of a client that reads nothing for `patience_s`.

        None: no other query waits for the worker of this result.
        """
        self._result = asyncio.create_task(self._watch_result(patience_s))

    def end(self) -> None:
        """The request has its answer."""
        for task in (self._body, self._result):
            if task is not None:
                task.cancel()

    async def _watch_body(self) -> None:
        """Count while the reader waits for the client, and not the client for the reader."""
        content = self._request.content
        came = deque([content.total_bytes], maxlen=WINDOW_STEPS + 1)
        while True:
            await self._clock.sleep(STEP_S)
            came.append(content.total_bytes)
            slow = len(came) > WINDOW_STEPS and came[-1] - came[0] < WINDOW_BYTES
            if slow and self._reading:
                content.set_exception(BodyTooSlow())
                return

    async def _watch_result(self, patience_s: Callable[[], float | None]) -> None:
        """What the socket took is what was written, less what waits in the transport's buffer."""
        transport, writer = self._request.transport, self._request.writer
        taken, since_s = -1, self._clock.monotonic()
        while transport is not None and not transport.is_closing():
            pending = transport.get_write_buffer_size()
            now_s = self._clock.monotonic()
            if pending == 0 or writer.output_size - pending != taken:
                taken, since_s = writer.output_size - pending, now_s
            elif (most_s := patience_s()) is not None and now_s - since_s >= most_s:
                transport.abort()
                return
            await self._clock.sleep(LOOK_S)


PACE = web.RequestKey("PACE", Pace)
"""Set on every request before its handler is called."""
