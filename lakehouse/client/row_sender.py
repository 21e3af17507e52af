"""Sends an iterator of rows as a stream, over as many connections as it takes, each row once.

Three threads: the caller's reads acknowledgements, one iterates over the rows, one has the connection. Rows
stay in a bounded window until they are acknowledged, so that a new connection can send them again.
"""

import asyncio
import random
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import aclosing
from queue import SimpleQueue
from typing import Any

import msgspec

from lakehouse.api.ingest.stream import StreamAck, StreamTotal
from lakehouse.client.error import Error
from lakehouse.client.http import FIRST_PAUSE_S, LONGEST_PAUSE_S, Http
from lakehouse.client.request import Request
from lakehouse.client.row_stream import LINES, exchanged

PATIENCE_S = 60.0
"""How long new connections may bring no acknowledgement, before the stream fails."""
WINDOW_BYTES = 8 << 20
PIECE_BYTES = 64 * 1024
Row = Mapping[str, Any] | bytes | str | msgspec.Struct
_ENCODER = msgspec.json.Encoder()


def acknowledged(
    lake: Http, request: Request, rows: Iterable[Row], first_line: int = 1
) -> Iterator[StreamAck]:
    """Send the rows; yield what is committed of them, while they are sent. Raises Error.

    `request` has an idempotency key. What the rows' iterator raises ends the stream, and is raised here;
    what it gave before and was not acknowledged may be committed or not.
    """
    found: SimpleQueue[StreamAck | BaseException | None] = SimpleQueue()
    sender = _Sender(lake, request, found.put, first_line)
    threads = [
        threading.Thread(target=sender.read, args=(rows,), name="lakehouse-rows", daemon=True),
        threading.Thread(target=sender.run, name="lakehouse-stream", daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        while (each := found.get()) is not None:
            if isinstance(each, BaseException):
                raise each
            yield each
    finally:
        sender.stop()
        threads[1].join()


class _Window:
    """The rows that are not acknowledged, and which of them this connection has sent."""

    def __init__(self, first_line: int) -> None:
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._sent = 0
        self._changed = threading.Condition()
        self.committed = first_line
        """All before this line are; an earlier stream with the key may have had more rows than came yet."""
        self.next_line = first_line
        """The first that is held."""
        self.ended = False

    def put(self, line: bytes) -> None:
        """Add a row, once there is room."""
        with self._changed:
            self._changed.wait_for(lambda: self._bytes < WINDOW_BYTES or self.ended)
            self._lines.append(line)
            self._bytes += len(line)

    def end(self) -> None:
        """No further row comes, or is wanted."""
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def take(self) -> bytes:
        """Rows to send next; empty when there is none now."""
        with self._changed:
            taken: list[bytes] = []
            size = 0
            while self._sent + len(taken) < len(self._lines) and size < PIECE_BYTES:
                taken.append(self._lines[self._sent + len(taken)])
                size += len(taken[-1])
            self._sent += len(taken)
            self._drop(self._sent)
            return b"".join(taken)

    def acknowledge(self, next_line: int) -> bool:
        """Forget the rows before this line. Whether that is news."""
        with self._changed:
            is_news = next_line > self.committed
            self.committed = max(self.committed, next_line)
            self._drop(self._sent)
            return is_news

    def rewind(self) -> None:
        """A new connection sends all of them."""
        with self._changed:
            self._sent = 0
            self._drop(len(self._lines))

    def _drop(self, most: int) -> None:
        """Forget those that are committed, but none that the connection has to pass over."""
        for _ in range(min(self.committed - self.next_line, most)):
            self._bytes -= len(self._lines.popleft())
            self._sent = max(0, self._sent - 1)
            self.next_line += 1
        self._changed.notify_all()


class _Sender:
    """One stream."""

    def __init__(self, lake: Http, request: Request, give: Any, first_line: int) -> None:
        self._lake = lake
        self._request = request
        self._give = give
        self._window = _Window(first_line)
        self._loop = asyncio.new_event_loop()
        self._more = asyncio.Event()
        self._stopped = asyncio.Event()
        self._failure: BaseException | None = None

    def read(self, rows: Iterable[Row]) -> None:
        """Move the rows into the window. In a thread of its own: the iterator may wait."""
        try:
            for row in rows:
                self._window.put(_line(row))
                self._wake(self._more)
                if self._window.ended:
                    return
        except Exception as error:  # noqa: BLE001  # the caller's own, raised where the stream is read
            self._failure = error
            self.stop()
        finally:
            self._window.end()
            self._wake(self._more)

    def stop(self) -> None:
        """End the connection: nothing further is sent."""
        self._window.end()
        self._wake(self._stopped)

    def run(self) -> None:
        """Send the window until all of it is committed. In a thread of its own."""
        try:
            self._loop.run_until_complete(self._run())
        except Exception as error:  # noqa: BLE001  # raised where the stream is read
            self._give(self._failure or error)
        else:
            self._give(self._failure)
        finally:
            self._loop.close()

    def _wake(self, event: asyncio.Event) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(event.set)

    async def _run(self) -> None:
        sending = asyncio.create_task(self._send())
        stopping = asyncio.create_task(self._stopped.wait())
        await asyncio.wait([sending, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not sending.done():
            sending.cancel()
            await asyncio.wait([sending])
            return
        await sending

    async def _send(self) -> None:
        attempt, lost_s = 0, 0.0
        while True:
            before = self._window.committed
            try:
                await self._connection()
                return
            except Error as error:
                attempt = 0 if self._window.committed > before else attempt + 1
                lost_s = time.monotonic() if attempt < 2 else lost_s
                if not error.retryable or time.monotonic() - lost_s > PATIENCE_S:
                    raise
            pause_s = min(FIRST_PAUSE_S * 2.0 ** min(attempt, 10), LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311  # no secret

    async def _connection(self) -> None:
        self._window.rewind()
        first = ("first_line", str(self._window.next_line))
        kind = ("Content-Type", LINES)
        request = msgspec.structs.replace(
            self._request,
            query=(*self._request.query, first),
            headers=(*self._request.headers, kind),
        )
        async with aclosing(exchanged(self._lake, request, self._lines())) as answers:  # type: ignore[type-var]
            async for answer in answers:
                if isinstance(answer, StreamTotal):
                    return
                # What a lost connection had committed is news as well.
                if self._window.acknowledge(answer.lines[1]):
                    self._give(answer)

    async def _lines(self) -> AsyncIterator[bytes]:
        while True:
            self._more.clear()
            ended = self._window.ended
            if piece := self._window.take():
                yield piece
            elif ended:
                return
            else:
                await self._more.wait()


def _line(row: Row) -> bytes:
    """A row as a line. Raises ValueError for text of several lines."""
    raw = row.encode() if isinstance(row, str) else row
    line = raw.rstrip(b"\r\n") if isinstance(raw, bytes) else _ENCODER.encode(raw)
    if b"\n" in line:
        raise ValueError("a row is one line; this text has several")
    return line + b"\n"
