"""How messages between the engine and its workers are framed on a socket.

A frame is four bytes of big-endian length and one MessagePack message; where the length's highest bit
is set, it is the data of a Chunk as it is. Both ends refuse a frame that is too large: the sender before
it sends, the receiver before it reads.
"""

import socket
import struct

import msgspec

from lakehouse.query.wire.messages import Chunk, FromWorker, ToWorker

TO_WORKER_BYTES = 256 * 1024 * 1024
"""The largest frame to a worker: the views of every dataset of a lake, with their objects."""
FROM_WORKER_BYTES = 4 * 1024 * 1024
"""The largest frame from a worker: a whole small result, its columns included."""

_READ_BYTES = 64 * 1024
_LENGTH = struct.Struct(">I")
HEAD_BYTES = _LENGTH.size
_DATA = 1 << 31
_encoder = msgspec.msgpack.Encoder()
_to_worker = msgspec.msgpack.Decoder(ToWorker)
_from_worker = msgspec.msgpack.Decoder(FromWorker)


class FrameTooLarge(ValueError):
    """A message is larger than the other end accepts."""


def frame(message: ToWorker) -> bytes:
    """Return the bytes of one framed message to a worker. Raises FrameTooLarge."""
    framed = bytearray()
    _frame_into(framed, message, TO_WORKER_BYTES)
    return bytes(framed)


def frame_into(framed: bytearray, message: FromWorker) -> None:
    """Append one framed message of a worker to `framed`. Raises FrameTooLarge."""
    _frame_into(framed, message, FROM_WORKER_BYTES)


def _frame_into(framed: bytearray, message: ToWorker | FromWorker, largest: int) -> None:
    start = len(framed)
    framed += bytes(_LENGTH.size)
    _encoder.encode_into(message, framed, -1)
    size = _bounded(len(framed) - start - _LENGTH.size, largest)
    _LENGTH.pack_into(framed, start, size)


class MessageReader:
    """Reads a worker's messages. A small one costs one system call, head and body together."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = memoryview(bytearray(_READ_BYTES))
        self._start = self._end = 0
        """The part of the buffer that was received but not read."""

    def read(self) -> ToWorker | None:
        """Return the next message, None at the end. Blocks. Raises FrameTooLarge, msgspec.DecodeError."""
        head = self._take(HEAD_BYTES)
        if head is None:
            return None
        [size] = _LENGTH.unpack(head)
        body = self._take(_bounded(size, TO_WORKER_BYTES))
        if body is None:
            return None
        message: ToWorker = _to_worker.decode(body)
        return message

    def _take(self, size: int) -> memoryview | None:
        """The next bytes, valid until the next call; None at the end."""
        if size > len(self._buffer):
            return self._take_large(size)
        if size > len(self._buffer) - self._start:
            rest = bytes(self._buffer[self._start : self._end])
            self._buffer[: len(rest)] = rest
            self._start, self._end = 0, len(rest)
        while self._end - self._start < size:
            received = self._connection.recv_into(self._buffer[self._end :])
            if not received:
                return None
            self._end += received
        taken = self._buffer[self._start : self._start + size]
        self._start += size
        if self._start == self._end:
            self._start = self._end = 0
        return taken

    def _take_large(self, size: int) -> memoryview | None:
        large = memoryview(bytearray(size))
        filled = self._end - self._start
        large[:filled] = self._buffer[self._start : self._end]
        self._start = self._end = 0
        while filled < size:
            received = self._connection.recv_into(large[filled:])
            if not received:
                return None
            filled += received
        return large


class Head(msgspec.Struct, frozen=True, gc=False):
    """What precedes a frame from a worker."""

    size_bytes: int
    is_data: bool


def read_head(framed: memoryview) -> Head:
    """The head at the start of received bytes. Raises FrameTooLarge."""
    [size] = _LENGTH.unpack_from(framed)
    return Head(_bounded(size & ~_DATA, FROM_WORKER_BYTES), bool(size & _DATA))


def decoded(head: Head, body: memoryview) -> FromWorker:
    """A worker's message. Raises msgspec.DecodeError."""
    if head.is_data:
        return Chunk(bytes(body))
    message: FromWorker = _from_worker.decode(body)
    return message


def send_data(connection: socket.socket, data: bytes | memoryview) -> None:
    """Send the data of a Chunk. Blocks. Raises FrameTooLarge."""
    head = _LENGTH.pack(_bounded(len(data), FROM_WORKER_BYTES) | _DATA)
    sent = connection.sendmsg([head, data])
    if sent < HEAD_BYTES:
        connection.sendall(head[sent:])
    connection.sendall(memoryview(data)[max(sent - HEAD_BYTES, 0) :])


def _bounded(size: int, largest: int) -> int:
    if size > largest:
        raise FrameTooLarge(f"a message of {size:,} bytes; at most {largest:,} are allowed")
    return size
