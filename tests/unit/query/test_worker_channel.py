"""The socket between server and worker: frames of every size, in any pieces, and its end."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import cast

import duckdb
import pytest

from lakehouse.query.processes.worker_channel import WorkerChannel
from lakehouse.query.wire import framing
from lakehouse.query.wire.framing import FrameTooLarge, MessageReader, frame_into, send_data
from lakehouse.query.wire.messages import Ask, Chunk, Done, FromWorker, Interrupt, QueryFailed
from lakehouse.query.worker.channel.inbox import Inbox, Interrupted


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
    reader = MessageReader(theirs)
    assert await asyncio.to_thread(reader.read) == large
    await asyncio.gather(sending, interrupting)
    assert reader.read() == Interrupt(1)
    assert not channel.blocked
    await channel.close()


def to_worker(message: Ask | Interrupt) -> bytes:
    return framing.frame(message)


TO_WORKER = [
    Interrupt(1),
    Ask(2, "SELECT 1"),
    Ask(3, "y" * 65_000),
    Ask(4, "y" * 65_536),
    Interrupt(5),
    Ask(6, "y" * 300_000),
    Ask(7, "SELECT 2"),
]


@pytest.mark.parametrize("piece_bytes", [1, 3, 4, 5, 4_096, 65_536, 10_000_000])
def test_messages_to_a_worker_arrive_whole_however_they_are_cut(
    sockets: tuple[socket.socket, socket.socket], piece_bytes: int
) -> None:
    ours, theirs = sockets
    messages = TO_WORKER[:2] * 5 if piece_bytes < 10 else TO_WORKER
    data = b"".join(map(to_worker, messages))

    def write() -> None:
        for start in range(0, len(data), piece_bytes):
            ours.sendall(data[start : start + piece_bytes])
        ours.shutdown(socket.SHUT_WR)

    writing = threading.Thread(target=write)
    writing.start()
    reader = MessageReader(theirs)
    assert [reader.read() for _ in messages] == messages
    assert reader.read() is None
    writing.join()


@pytest.mark.parametrize("kept", [2, 30, 70_000])
def test_a_message_to_a_worker_that_breaks_off_is_the_end(
    sockets: tuple[socket.socket, socket.socket], kept: int
) -> None:
    ours, theirs = sockets
    ours.sendall(to_worker(Ask(1, "y" * 80_000))[:kept])
    ours.close()
    assert MessageReader(theirs).read() is None


def test_a_frame_to_a_worker_that_is_too_large_is_refused_before_it_is_read(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = sockets
    ours.sendall((framing.TO_WORKER_BYTES + 1).to_bytes(4, "big"))
    with pytest.raises(FrameTooLarge):
        MessageReader(theirs).read()


class Cursor:
    """What an interrupt reaches."""

    def __init__(self) -> None:
        self.interrupted = False

    def interrupt(self) -> None:
        self.interrupted = True


def test_an_interrupt_reaches_only_the_query_of_its_number(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    inbox, cursor, stopped = Inbox(MessageReader(sockets[1])), Cursor(), list[int]()
    with inbox.interruptible(2, cast(duckdb.DuckDBPyConnection, cursor)):
        inbox.interrupt(1, lambda: stopped.append(1))
        assert not cursor.interrupted and not stopped
        inbox.interrupt(2, lambda: stopped.append(2))
        assert cursor.interrupted and stopped == [2]
    inbox.interrupt(2, lambda: stopped.append(3))
    assert stopped == [2]


def test_a_query_that_was_interrupted_before_it_began_does_not_begin(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    inbox, cursor = Inbox(MessageReader(sockets[1])), cast(duckdb.DuckDBPyConnection, Cursor())
    inbox.interrupt(1, lambda: pytest.fail("nothing runs"))
    with pytest.raises(Interrupted), inbox.interruptible(1, cursor):
        pytest.fail("it began")
    with inbox.interruptible(2, cursor):
        pass
