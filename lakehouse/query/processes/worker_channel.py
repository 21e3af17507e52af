"""The server's end of a worker's socket: messages in both directions.

Owns the transport and what was received but not yet read, which is bounded. The bytes of a large
message are received where they stay: no copy is made of them.
"""

import asyncio
import socket
from collections import deque

from lakehouse.query.wire.framing import HEAD_BYTES, Head, decoded, frame, read_head
from lakehouse.query.wire.messages import FromWorker, ToWorker

_SCRATCH_BYTES = 64 * 1024
"""For small messages, several at once."""
_QUEUED_BYTES = 256 * 1024
"""Reading stops while so much was not read by the query: this is the back-pressure."""


class WorkerChannel(asyncio.BufferedProtocol):
    """One reader at a time; several may send."""

    def __init__(self) -> None:
        self.ended = False
        """Whether the worker has closed its end."""
        self._scratch = memoryview(bytearray(_SCRATCH_BYTES))
        self._filled = 0
        self._head: Head | None = None
        """Of the large message that is being received, into `_body`."""
        self._body = memoryview(b"")
        self._received = 0
        self._messages: deque[tuple[FromWorker, int]] = deque()
        self._queued_bytes = 0
        self._failure: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport
        self._closed = asyncio.Event()

    @classmethod
    async def open(cls, ours: socket.socket) -> "WorkerChannel":
        """The channel over our end of a socket pair."""
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_connection(cls, sock=ours)
        return channel

    async def send(self, message: ToWorker) -> None:
        """Send a message, and wait while the worker takes none. Raises FrameTooLarge, ConnectionError."""
        framed = frame(message)
        if self._closed.is_set():
            raise ConnectionResetError("the worker has ended")
        self._transport.write(framed)
        await self._writable.wait()

    async def receive(self) -> FromWorker | None:
        """Return the next message, None at the end. Raises FrameTooLarge, msgspec.DecodeError."""
        while not self._messages:
            if self._failure is not None:
                raise self._failure
            if self.ended:
                return None
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        message, size_bytes = self._messages.popleft()
        self._queued_bytes -= size_bytes
        if self._queued_bytes <= _QUEUED_BYTES:
            self._transport.resume_reading()
        return message

    async def close(self) -> None:
        """Close our end."""
        self._transport.close()
        await self._closed.wait()

    @property
    def blocked(self) -> bool:
        """Whether the worker has not taken what was sent."""
        return not self._writable.is_set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio, like all that follow."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._head is not None:
            return self._body[self._received :]
        return self._scratch[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        try:
            if self._head is None:
                self._filled += nbytes
                self._take_all()
            else:
                self._received += nbytes
                if self._received == len(self._body):
                    self._take(self._head, self._body)
                    self._head = None
        except Exception as error:  # noqa: BLE001  # raised by receive
            self._failure = error
            self._transport.pause_reading()
            self._wake()

    def eof_received(self) -> bool:
        self.ended = True
        self._wake()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self._closed.set()
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _take_all(self) -> None:
        """Take every whole message out of the scratch buffer; begin a large one."""
        start = 0
        while self._filled - start >= HEAD_BYTES:
            head = read_head(self._scratch[start:])
            body = start + HEAD_BYTES
            if self._filled - body >= head.size_bytes:
                self._take(head, self._scratch[body : body + head.size_bytes])
                start = body + head.size_bytes
                continue
            if HEAD_BYTES + head.size_bytes > _SCRATCH_BYTES:
                self._begin(head, self._scratch[body : self._filled])
                start = self._filled
            break
        left = self._filled - start
        if start and left:
            self._scratch[:left] = bytes(self._scratch[start : self._filled])
        self._filled = left

    def _begin(self, head: Head, received: memoryview) -> None:
        self._head, self._received = head, len(received)
        self._body = memoryview(bytearray(head.size_bytes))
        self._body[: len(received)] = received

    def _take(self, head: Head, body: memoryview) -> None:
        self._messages.append((decoded(head, body), len(body)))
        self._queued_bytes += len(body)
        if self._queued_bytes > _QUEUED_BYTES:
            self._transport.pause_reading()
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
