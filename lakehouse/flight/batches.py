"""Reads record batches from the bytes of an Arrow IPC stream as they arrive, without copying values.

Owns the bounds on a message to the client. Must never accept an incomplete stream as a complete one:
Arrow itself accepts a stream without its end mark.
"""

from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa

MESSAGE_BYTES = 2 * 1024 * 1024
"""About the largest message to a client, one row aside: clients of gRPC refuse more than 4 to 16 MiB."""
_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"

Take = Callable[[], bytes | None]
"""The next piece of a stream; None after the last."""


class IpcStream:
    """One Arrow IPC stream: its schema, then its batches, each to be read once."""

    def __init__(self, take: Take) -> None:
        """Reads the schema. Raises what `take` raises."""
        self._source = _Source(take)
        self._reader = pa.ipc.open_stream(pa.PythonFile(self._source, mode="r"))
        self.schema: pa.Schema = self._reader.schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The batches, each of about the size of a message. Raises what `take` raises."""
        for batch in _combined(self._reader):
            yield from _bounded(batch)
        self._source.expect_end()


def has_dictionary(kind: pa.DataType) -> bool:
    """Whether a type, or a part of it, is a dictionary, as ENUM is."""
    if pa.types.is_dictionary(kind):
        return True
    return any(has_dictionary(kind.field(number).type) for number in range(kind.num_fields))


class _Source:
    """A file of the pieces; what is read of a single piece is not copied."""

    closed = False

    def __init__(self, take: Take) -> None:
        self._take = take
        self._left = pa.py_buffer(b"")
        self._last = b""
        """The last bytes that were read, as many as the end mark has."""

    def read(self, size: int = -1) -> pa.Buffer | bytes:
        """The next `size` bytes; fewer only at the end of the stream."""
        parts, count = [self._left], self._left.size
        while count < size and (piece := self._take()) is not None:
            parts.append(pa.py_buffer(piece))
            count += len(piece)
        whole = parts[0] if len(parts) == 1 else _joined(parts)
        found = whole.slice(0, min(size, whole.size))
        self._left = whole.slice(found.size)
        if found.size:
            tail = found.slice(max(found.size - len(_END), 0)).to_pybytes()
            self._last = (self._last + tail)[-len(_END) :]
        return found

    def expect_end(self) -> None:
        """Raises ValueError unless the stream ended with its end mark and nothing follows."""
        if self._last != _END or self._left.size or self._take() is not None:
            raise ValueError("a worker's Arrow stream has no end")

    def readable(self) -> bool:
        return True

    def close(self) -> None: ...


def _joined(parts: list[pa.Buffer]) -> pa.Buffer:
    filled = [part for part in parts if part.size]
    return filled[0] if len(filled) == 1 else pa.py_buffer(b"".join(filled))


def _combined(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches, small ones together: a client pays for each message, ADBC's most of all.

    A message waits for no more rows than were sent before it, so that the first rows of a slow
    statement arrive when they are there.
    """
    message, sent = _Message(), 0
    for batch in batches:
        if message.batches and message.size_bytes + batch.nbytes > MESSAGE_BYTES:
            sent += message.rows
            yield message.take()
        message.add(batch)
        if message.rows >= sent:
            sent += message.rows
            yield message.take()
    if message.batches:
        yield message.take()


class _Message:
    """Batches that wait to be sent as one."""

    def __init__(self) -> None:
        self.batches: list[pa.RecordBatch] = []
        self.rows = self.size_bytes = 0

    def add(self, batch: pa.RecordBatch) -> None:
        self.batches.append(batch)
        self.rows += batch.num_rows
        self.size_bytes += batch.nbytes

    def take(self) -> pa.RecordBatch:
        """All of them as one batch; none wait any more."""
        taken, self.batches = self.batches, []
        self.rows = self.size_bytes = 0
        return taken[0] if len(taken) == 1 else pa.concat_batches(taken)


def _bounded(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if batch.num_rows > 1 and batch.nbytes > MESSAGE_BYTES:
        half = batch.num_rows // 2
        yield from _bounded(batch.slice(0, half))
        yield from _bounded(batch.slice(half))
    else:
        yield batch
