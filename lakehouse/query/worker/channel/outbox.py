"""The worker's messages to the engine, and the parts of a document between them.

Owns which way a part goes: through the shared memory, in a message of its own, or in the answer. Must never
wait without an end: a query that is cancelled ends each wait.
"""

import socket
from collections.abc import Iterator
from itertools import chain

import msgspec

from lakehouse.query.render.documents import Counted, Piece
from lakehouse.query.wire.framing import frame_into, send_data
from lakehouse.query.wire.messages import (
    Column,
    Done,
    FromWorker,
    Reads,
    SharedChunk,
    Started,
    Whole,
)
from lakehouse.query.wire.shared_memory import LEAST_BYTES, SLOT_BYTES, SharedMemory
from lakehouse.query.worker.channel.inbox import Inbox
from lakehouse.query.worker.execution import BATCH_ROWS


class Outbox(msgspec.Struct):
    """Sends for one query at a time. Each call blocks while the engine does not read."""

    channel: socket.socket
    inbox: Inbox
    shared: SharedMemory
    frames: bytearray = msgspec.field(default_factory=bytearray)
    """The buffer of outgoing messages, reused because new memory costs a page fault for each page."""

    def send(self, message: FromWorker) -> None:
        """Send one message."""
        self.frames.clear()
        frame_into(self.frames, message)
        self.channel.sendall(self.frames)

    def send_document(
        self,
        number: int,
        reads: Reads,
        columns: tuple[Column, ...],
        pieces: Iterator[Piece],
        counted: Counted,
    ) -> Whole | Done:
        """Send the document of query `number`, and return its last message. A small one is in that.

        Raises Interrupted when the query is cancelled meanwhile.
        """
        first = bytes(next(pieces, b""))
        if counted.row_count < BATCH_ROWS:  # that was all, so the rest is but the document's end
            first += b"".join(pieces)
            if len(first) <= SLOT_BYTES:
                return Whole(columns, reads, first, counted.row_count)
        self.send(Started(columns, reads))
        for part in chain.from_iterable(map(_parts, chain((first,), pieces))):
            self._send_part(number, part)
        return Done(counted.row_count)

    def _send_part(self, number: int, data: Piece) -> None:
        if len(data) < LEAST_BYTES:
            send_data(self.channel, data)
            return
        slot = self.inbox.slot(number)
        self.shared.write(slot, data)
        self.send(SharedChunk(slot, len(data)))


def _parts(piece: Piece) -> Iterator[Piece]:
    whole = memoryview(piece)
    for start in range(0, len(whole), SLOT_BYTES):
        yield whole[start : start + SLOT_BYTES]
