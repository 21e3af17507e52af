"""How messages about objects are framed on the object channel: a length and one MessagePack message.

Both sides bound what they read: a request is for at most one window of one blob, and an answer holds at
most one.
"""

import asyncio
import socket
import struct

import msgspec

from journal.block_hashes import BLOCK_BYTES
from lakehouse.objects.extents import BlocksWanted, FromServer, ToServer

WINDOW_BLOCKS = 8
"""The maximum number of blocks that a worker requests at once."""
MAX_REQUEST_BYTES = 4 * 1024 * 1024
MAX_ANSWER_BYTES = (WINDOW_BLOCKS + 1) * BLOCK_BYTES

_LENGTH = struct.Struct(">I")
_encoder = msgspec.msgpack.Encoder()
_to_server = msgspec.msgpack.Decoder(ToServer)
_from_server = msgspec.msgpack.Decoder(FromServer)


def frame(message: ToServer | FromServer) -> bytes:
    """Return the bytes of one framed message."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


async def read_from_worker(reader: asyncio.StreamReader) -> ToServer | None:
    """Return a worker's next message, None when it has ended.

    Raises ValueError for a long one, and for a request of more than a window.
    """
    try:
        [size_bytes] = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if size_bytes > MAX_REQUEST_BYTES:
            raise ValueError(f"a worker sent a request of {size_bytes:,} bytes")
        message: ToServer = _to_server.decode(await reader.readexactly(size_bytes))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    if isinstance(message, BlocksWanted) and not _is_window(message):
        raise ValueError(f"a worker requested bytes {message.start:,} to {message.stop:,} at once")
    return message


def read_in_worker(connection: socket.socket) -> FromServer | None:
    """Return the server's next message, None at the end. Blocks."""
    head = _exactly(connection, _LENGTH.size)
    if head is None:
        return None
    [size_bytes] = _LENGTH.unpack(head)
    if size_bytes > MAX_ANSWER_BYTES:
        raise ValueError(f"the server sent an answer of {size_bytes:,} bytes")
    body = _exactly(connection, size_bytes)
    if body is None:
        return None
    message: FromServer = _from_server.decode(body)
    return message


def _is_window(wanted: BlocksWanted) -> bool:
    return 0 <= wanted.start <= wanted.stop <= wanted.start + WINDOW_BLOCKS * BLOCK_BYTES


def _exactly(connection: socket.socket, size_bytes: int) -> bytearray | None:
    body = bytearray(size_bytes)
    view = memoryview(body)
    while view:
        received = connection.recv_into(view)
        if not received:
            return None
        view = view[received:]
    return body
