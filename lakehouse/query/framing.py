"""How messages between the engine and its workers are framed on a socket.

A frame is four bytes of big-endian length and one MessagePack message.
"""

import asyncio
import socket
import struct

import msgspec

from lakehouse.query.messages import FromWorker, ToWorker

_LENGTH = struct.Struct(">I")
_encoder = msgspec.msgpack.Encoder()
_to_worker = msgspec.msgpack.Decoder(ToWorker)
_from_worker = msgspec.msgpack.Decoder(FromWorker)


def frame(message: ToWorker | FromWorker) -> bytes:
    """Return the bytes of one framed message."""
    framed = bytearray()
    frame_into(framed, message)
    return bytes(framed)


def frame_into(framed: bytearray, message: ToWorker | FromWorker) -> None:
    """Put one framed message behind what is in `framed`."""
    start = len(framed)
    framed += bytes(_LENGTH.size)
    _encoder.encode_into(message, framed, -1)
    _LENGTH.pack_into(framed, start, len(framed) - start - _LENGTH.size)


def read_in_worker(connection: socket.socket) -> ToWorker | None:
    """Return the next message to a worker, None at the end. Blocks."""
    head = _exactly(connection, _LENGTH.size)
    body = _exactly(connection, *_LENGTH.unpack(head)) if head else None
    return _to_worker.decode(body) if body else None


async def read_from_worker(reader: asyncio.StreamReader) -> FromWorker | None:
    """Return a worker's next message, None when it is gone."""
    try:
        head = await reader.readexactly(_LENGTH.size)
        body = await reader.readexactly(*_LENGTH.unpack(head))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    message: FromWorker = _from_worker.decode(body)
    return message


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)
