"""The server's end of a worker's object channel: a worker that was taken over cannot make it large."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

import msgspec
import pytest

from journal.block_hashes import BLOCK_BYTES
from lakehouse.objects.extents import (
    BlobsUsed,
    BlocksReady,
    BlocksWanted,
    FromServer,
    ReadFailed,
    ToServer,
)
from lakehouse.query.processes.object_channel import AT_ONCE, ObjectChannel
from lakehouse.query.wire.object_framing import WINDOW_BLOCKS, frame

WINDOW_BYTES = WINDOW_BLOCKS * BLOCK_BYTES


class Source:
    """Answers once it may."""

    def __init__(self) -> None:
        self.wanted: list[BlocksWanted] = []
        self.may_answer = asyncio.Event()

    async def blocks(self, wanted: BlocksWanted) -> BlocksReady:
        self.wanted.append(wanted)
        await self.may_answer.wait()
        return BlocksReady(wanted.number, ())

    def used(self, blobs: tuple[str, ...]) -> None: ...


class Worker:
    """The worker's end of a channel."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, *messages: ToServer) -> None:
        self.writer.write(b"".join(map(frame, messages)))

    async def receive(self) -> FromServer | None:
        try:
            [size_bytes] = struct.unpack(">I", await self.reader.readexactly(4))
            body = await self.reader.readexactly(size_bytes)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        message: FromServer = msgspec.msgpack.decode(body, type=FromServer)
        return message


@pytest.fixture
async def ends() -> AsyncIterator[tuple[ObjectChannel, Worker]]:
    ours, theirs = socket.socketpair()
    worker = Worker(*await asyncio.open_connection(sock=theirs))
    channel = await ObjectChannel.open(ours)
    yield channel, worker
    await channel.close()
    worker.writer.close()


async def test_without_a_query_nothing_is_answered(ends: tuple[ObjectChannel, Worker]) -> None:
    _, worker = ends
    worker.send(BlocksWanted(1, "b", 0, 1))
    answer = await worker.receive()
    assert isinstance(answer, ReadFailed)
    assert answer.code == "query_cancelled"


@pytest.mark.parametrize(
    ("start", "stop"),
    [(-1, 5), (5, 4), (0, WINDOW_BYTES + 1), (BLOCK_BYTES, 1 << 62)],
    ids=["negative", "reversed", "more than a window", "huge"],
)
async def test_a_request_for_other_than_a_window_ends_the_channel(
    ends: tuple[ObjectChannel, Worker], start: int, stop: int
) -> None:
    channel, worker = ends
    channel.source = source = Source()
    source.may_answer.set()
    worker.send(BlocksWanted(1, "b", start, stop, inline=True))
    assert await worker.receive() is None
    assert source.wanted == []


async def test_a_whole_window_is_answered(ends: tuple[ObjectChannel, Worker]) -> None:
    channel, worker = ends
    channel.source = source = Source()
    source.may_answer.set()
    worker.send(BlocksWanted(1, "b", WINDOW_BYTES, 2 * WINDOW_BYTES))
    assert await worker.receive() == BlocksReady(1, ())


async def test_few_requests_are_worked_on_at_once(ends: tuple[ObjectChannel, Worker]) -> None:
    channel, worker = ends
    channel.source = source = Source()
    many = 4 * AT_ONCE
    worker.send(*(BlocksWanted(number, "b", 0, 1) for number in range(many)), BlobsUsed(("b",)))
    while len(source.wanted) < AT_ONCE:
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(source.wanted) == AT_ONCE
    source.may_answer.set()
    answers = [await worker.receive() for _ in range(many)]
    assert {answer.number for answer in answers if answer} == set(range(many))
