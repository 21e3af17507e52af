"""The only connection between the threads of gRPC and the event loop.

A thread hands a coroutine to the loop and waits for its result, or takes the pieces of a result from a
bounded queue. While it waits it checks whether its client has disconnected. Must never let a thread
touch what belongs to the loop, nor block the loop.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from lakehouse.domain.errors import Refused, RefusedError

QUEUED_BYTES = 4 * 1024 * 1024
"""How much of a result waits for its thread; then the worker waits."""
POLL_S = 0.1
"""How often a waiting thread checks whether its client has disconnected."""

T = TypeVar("T")
Gone = Callable[[], bool]


class ClientGone(Exception):
    """The client of an RPC has disconnected or cancelled it; nobody reads the answer."""


class Bridge:
    """Runs coroutines of the RPCs' threads on one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._closed = False

    def close(self) -> None:
        """Refuse all that follows. Called on the loop."""
        self._closed = True

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine on the loop. Called in an RPC's thread.

        Raises RefusedError `shutting_down`.
        """
        if self._closed:
            work.close()
            raise RefusedError(Refused("shutting_down", "the server is being stopped"))
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def run(self, work: Coroutine[Any, Any, T], gone: Gone) -> T:
        """The result of a coroutine. Called in an RPC's thread. Raises what it raises, and ClientGone."""
        future = self.begin(work)
        while not future.done():
            try:
                return future.result(POLL_S)
            except TimeoutError:
                if not future.done() and gone():
                    future.cancel()
                    raise ClientGone from None
        return future.result()


class Handoff:
    """The pieces of one result on their way from the loop to an RPC's thread.

    The loop's side waits while QUEUED_BYTES are in the queue; a single larger piece passes alone.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pieces: deque[bytes] = deque()
        self._queued_bytes = 0
        self._ended = False
        self._failure: BaseException | None = None
        self._changed = threading.Condition()
        self._space = asyncio.Event()
        self._closed = asyncio.Event()
        self.taken = 0
        """How many pieces the thread has taken; the loop reads it to see whether the client makes
        progress."""
        self.is_whole = False
        """Whether the thread has taken all there is."""

    @property
    def is_full(self) -> bool:
        """Whether the next piece has to wait."""
        return self._queued_bytes >= QUEUED_BYTES

    async def put(self, piece: bytes) -> None:
        """Give the thread a piece. On the loop; waits for space."""
        while self.is_full:
            self._space.clear()
            if self.is_full:
                await self._space.wait()
        with self._changed:
            self._pieces.append(piece)
            self._queued_bytes += len(piece)
            self._changed.notify()

    def end(self, failure: BaseException | None = None) -> None:
        """No piece follows: the result is complete, or it has failed. On the loop."""
        with self._changed:
            if not self._ended:
                self._ended, self._failure = True, failure
            self._changed.notify()

    async def sent(self) -> None:
        """Return when the thread needs no more: it has sent all, or its RPC has ended. On the loop."""
        await self._closed.wait()

    def take(self, gone: Gone) -> bytes | None:
        """The next piece, None after the last. In the thread. Raises the failure, and ClientGone."""
        with self._changed:
            while not self._pieces and not self._ended:
                if not self._changed.wait(POLL_S) and gone():
                    raise ClientGone
            if self._failure is not None:
                raise self._failure
            if not self._pieces:
                self.is_whole = True
                return None
            was_full = self.is_full
            piece = self._pieces.popleft()
            self._queued_bytes -= len(piece)
            self.taken += 1
        if was_full:
            self._on_loop(self._space.set)
        return piece

    def close(self) -> None:
        """The RPC needs no more pieces. In the thread; may be called again."""
        self._on_loop(self._closed.set)

    def _on_loop(self, call: Callable[[], object]) -> None:
        # A closed loop runs nothing more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call)
