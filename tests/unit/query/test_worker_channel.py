"""The socket between server and worker: frames of every size, in any pieces, and its end."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from lakehouse.query import framing
from lakehouse.query.framing import FrameTooLarge, frame_into, read_in_worker, send_data
from lakehouse.query.messages import Ask, Chunk, Done, FromWorker, Interrupt, QueryFailed
from lakehouse.query.worker_channel import WorkerChannel


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def framed(message: FromWorker) -> bytes:
    if isinstance(message, Chunk):
        head = (len(message.data) | 1 << 31).to_bytes(4, "big")
        return head + message.data
    into = bytearray()
    frame_into(into, message)
    return bytes(into)


MESSAGES: list[FromWorker] = [
    Done(1),
    Chunk(b""),
    Chunk(b"x" * 10),
    QueryFailed("sql_error", "y" * 65_000),
    Chunk(b"z" * 65_532),
    Chunk(b"z" * 65_533),
    Chunk(bytes(range(256)) * 4_000),
    QueryFailed("sql_error", "y" * 200_000),
    Done(2),
]


@pytest.mark.parametrize("piece_bytes", [1, 3, 4, 5, 4_096, 65_536, 10_000_000])
async def test_messages_arrive_whole_however_they_are_cut(
    sockets: tuple[socket.socket, socket.socket], piece_bytes: int
) -> None:
    ours, theirs = sockets
    messages = MESSAGES[:3] * 5 if piece_bytes < 10 else MESSAGES
    data = b"".join(map(framed, messages))

    def write() -> None:
        for start in range(0, len(data), piece_bytes):
            theirs.sendall(data[start : start + piece_bytes])

    channel = await WorkerChannel.open(ours)
    writing = asyncio.create_task(asyncio.to_thread(write))
    assert [await channel.receive() for _ in messages] == messages
    await writing
    theirs.close()
    assert await channel.receive() is None and channel.ended
    await channel.close()


async def test_data_arrives_as_it_was_sent(sockets: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = sockets
    data = bytes(range(256)) * 12_000
    channel = await WorkerChannel.open(ours)
    sending = asyncio.create_task(asyncio.to_thread(send_data, theirs, data))
    assert await channel.receive() == Chunk(data)
    await sending
    await channel.close()


async def test_a_worker_waits_while_nobody_reads(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = sockets
    channel = await WorkerChannel.open(ours)
    sent = threading.Semaphore(0)

    def write() -> None:
        for _ in range(64):
            send_data(theirs, bytes(1_000_000))
            sent.release()

    writing = asyncio.create_task(asyncio.to_thread(write))
    await asyncio.to_thread(sent.acquire)
    for _ in range(100):
        await asyncio.sleep(0)
    waiting = sum(sent.acquire(blocking=False) for _ in range(64))
    assert waiting < 8
    for _ in range(64):
        assert await channel.receive() == Chunk(bytes(1_000_000))
    await writing
    await channel.close()


@pytest.mark.parametrize("flag", [0, 1 << 31])
async def test_a_frame_that_is_too_large_is_refused_before_it_is_read(
    sockets: tuple[socket.socket, socket.socket], flag: int
) -> None:
    ours, theirs = sockets
    channel = await WorkerChannel.open(ours)
    theirs.sendall(((framing.FROM_WORKER_BYTES + 1) | flag).to_bytes(4, "big"))
    with pytest.raises(FrameTooLarge):
        await channel.receive()
    await channel.close()
    with pytest.raises(FrameTooLarge):
        send_data(theirs, bytes(framing.FROM_WORKER_BYTES + 1))


async def test_a_worker_that_ends_within_a_message_has_ended(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = sockets
    channel = await WorkerChannel.open(ours)
    theirs.sendall(framed(Done(7)) + framed(MESSAGES[6])[:100_000])
    theirs.close()
    assert await channel.receive() == Done(7)
    assert await channel.receive() is None
    await channel.close()
    with pytest.raises(ConnectionError):
        await channel.send(Interrupt(1))


async def test_a_message_to_a_worker_that_takes_none_waits(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = sockets
    channel = await WorkerChannel.open(ours)
    large = Ask(1, "x" * 1_000_000)
    sending = asyncio.create_task(channel.send(large))
    while not channel.blocked:
        await asyncio.sleep(0)
    interrupting = asyncio.create_task(channel.send(Interrupt(1)))
    await asyncio.sleep(0)
    assert not sending.done() and not interrupting.done()
    assert await asyncio.to_thread(read_in_worker, theirs) == large
    await asyncio.gather(sending, interrupting)
    assert read_in_worker(theirs) == Interrupt(1)
    assert not channel.blocked
    await channel.close()
