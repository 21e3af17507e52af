"""The server's end of a worker's object channel: answers with the extents of verified blocks.

Owns one socket, and what the running query may read. Refuses all requests while no query runs. The worker
reads it while a query runs, so it carries interrupts too. Must never send a worker a credential or the
name of a store.
"""

import asyncio
import socket
from typing import Protocol

from lakehouse.objects.extents import (
    Answer,
    BlobsUsed,
    BlocksWanted,
    QueryInterrupted,
    ReadFailed,
)
from lakehouse.query.wire.object_framing import frame, read_from_worker

AT_ONCE = 16
"""The maximum number of requests of one worker that are worked on: each may hold a window of bytes."""
_BUFFER_BYTES = 64 * 1024
_OVER = "the query is over"


class ObjectSource(Protocol):
    """The objects that one query may read."""

    async def blocks(self, wanted: BlocksWanted) -> Answer:
        """The extents of these blocks, after verification. Never raises for a fault of the store."""
        ...

    def used(self, blobs: tuple[str, ...]) -> None:
        """The query has opened these blobs."""
        ...


class ObjectChannel:
    """The channel of one worker process; `source` belongs to its running query."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.source: ObjectSource | None = None
        self._last: ObjectSource | None = None
        """Of the query that ended last: it may still report what it used."""
        self._reader = reader
        self._writer = writer
        self._answers: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._serving = asyncio.create_task(self._serve())

    @classmethod
    async def open(cls, ours: socket.socket) -> "ObjectChannel":
        """The channel over our end of a socket pair."""
        return cls(*await asyncio.open_connection(sock=ours, limit=_BUFFER_BYTES))

    def release(self) -> None:
        """The running query has ended: it reads nothing any more."""
        self._last, self.source = self.source, None

    def interrupt(self, number: int) -> None:
        """Let the worker stop the query of this number: a thread of its own reads this channel."""
        self._writer.write(frame(QueryInterrupted(number)))

    async def close(self) -> None:
        """Stop answering."""
        self._serving.cancel()
        for answer in self._answers:
            answer.cancel()
        await asyncio.gather(self._serving, *self._answers, return_exceptions=True)
        self._writer.close()

    async def _serve(self) -> None:
        try:
            await self._answer_all()
        finally:
            # A worker that waits for an answer learns that none will come.
            self._writer.close()

    async def _answer_all(self) -> None:
        while (message := await read_from_worker(self._reader)) is not None:
            if isinstance(message, BlobsUsed):
                if (reader := self.source or self._last) is not None:
                    reader.used(message.blobs)
                continue
            source = self.source  # of the query that runs now, however long the request waits
            await self._room.acquire()
            answer = asyncio.create_task(self._answer(message, source))
            self._answers.add(answer)
            answer.add_done_callback(self._answered)

    def _answered(self, answer: asyncio.Task[None]) -> None:
        self._answers.discard(answer)
        self._room.release()

    async def _answer(self, wanted: BlocksWanted, source: ObjectSource | None) -> None:
        found: Answer
        if source is None:
            found = ReadFailed(wanted.number, "query_cancelled", _OVER)
        else:
            found = await source.blocks(wanted)
        try:
            self._writer.write(frame(found))
            await self._writer.drain()
        except ConnectionError:
            return  # the worker has ended; its other socket reports that to the engine
