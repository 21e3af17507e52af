"""The memory that a worker shares with the server: slots, bounds, and who may fill which."""

import mmap
import os
import socket
from collections.abc import Iterator

import pyarrow as pa
import pytest

from lakehouse.query.render.arrow import arrow_pieces
from lakehouse.query.wire.framing import MessageReader, frame
from lakehouse.query.wire.messages import Interrupt, Taken
from lakehouse.query.wire.shared_memory import SLOT_BYTES, SLOTS, SharedMemory, make_shared_memory
from lakehouse.query.worker.channel.inbox import Inbox, Interrupted


@pytest.fixture
def sides() -> Iterator[tuple[SharedMemory, SharedMemory]]:
    descriptor = make_shared_memory()
    worker, server = SharedMemory(os.dup(descriptor)), SharedMemory(descriptor)
    yield worker, server
    worker.close()
    server.close()


def test_what_one_side_writes_the_other_reads(sides: tuple[SharedMemory, SharedMemory]) -> None:
    worker, server = sides
    full = bytes(range(256)) * (SLOT_BYTES // 256)
    worker.write(0, b"first")
    worker.write(SLOTS - 1, memoryview(full))
    assert server.read(0, 5) == b"first"
    assert server.read(SLOTS - 1, SLOT_BYTES) == full
    assert server.read(0, 0) == b""


@pytest.mark.parametrize(
    ("slot", "size_bytes"), [(-1, 1), (SLOTS, 1), (0, SLOT_BYTES + 1), (SLOTS - 1, -1)]
)
def test_nothing_outside_a_slot_is_read(
    sides: tuple[SharedMemory, SharedMemory], slot: int, size_bytes: int
) -> None:
    with pytest.raises(ValueError, match="shared memory"):
        sides[1].read(slot, size_bytes)


def test_a_worker_cannot_change_its_size() -> None:
    """A server that reads what a worker has cut off would be ended by the kernel."""
    descriptor = make_shared_memory()
    for size_bytes in (0, SLOT_BYTES, 10 * SLOTS * SLOT_BYTES):
        with pytest.raises(PermissionError):
            os.ftruncate(descriptor, size_bytes)
    with mmap.mmap(descriptor, SLOTS * SLOT_BYTES) as memory:
        assert memory.size() == SLOTS * SLOT_BYTES
    os.close(descriptor)


def test_a_slot_is_filled_again_once_the_server_has_read_it() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        inbox = Inbox(MessageReader(theirs))
        assert sorted(inbox.slot(1) for _ in range(SLOTS)) == list(range(SLOTS))
        ours.sendall(frame(Interrupt(0)) + frame(Taken(1)))
        assert inbox.slot(1) == 1
        ours.sendall(frame(Interrupt(1)))
        with pytest.raises(Interrupted):
            inbox.slot(1)
        ours.sendall(frame(Taken(0)))
        assert inbox.slot(2) == 0
        ours.close()
        with pytest.raises(Interrupted):
            inbox.slot(2)


BATCHES = {
    "plain": pa.record_batch({"a": [1, None, 3], "b": ["x", "", None], "c": [True, None, False]}),
    "nested": pa.record_batch({"a": [[1], None, []], "b": [{"x": "1"}, None, {"x": None}]}),
    "ENUM": pa.record_batch({"a": pa.array(["x", "y", "x"]).dictionary_encode()}),
    "nested ENUM": pa.record_batch(
        {"a": pa.ListArray.from_arrays([0, 1, 3], pa.array(["x", "y", "x"]).dictionary_encode())}
    ),
    "no rows": pa.record_batch({"a": pa.array([], pa.int64())}),
}


@pytest.mark.parametrize("kind", BATCHES)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_arrow_stream_holds_its_batches(kind: str, count: int) -> None:
    batch = BATCHES[kind]
    pieces = list(arrow_pieces(batch.schema, iter([batch] * count)))
    with pa.ipc.open_stream(b"".join(pieces)) as reader:
        assert reader.schema == batch.schema
        assert list(reader) == [batch] * count


def test_an_arrow_stream_is_the_one_that_arrow_writes() -> None:
    batch, sink = BATCHES["plain"], pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
        writer.write_batch(batch.slice(1, 1))
    pieces = arrow_pieces(batch.schema, iter([batch, batch.slice(1, 1)]))
    assert b"".join(pieces) == sink.getvalue().to_pybytes()
