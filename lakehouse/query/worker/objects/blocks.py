"""A worker's end of the object channel: requests blocks, reads the verified ones, passes interrupts on.

Owns one socket, the thread that reads it, and the known extents. DuckDB reads from several threads: each
waits for its own answer. Each read opens the file and compares its identity, so that a block that was
altered, evicted or deleted meanwhile is requested again, never used.
"""

import os
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import count
from queue import SimpleQueue
from typing import Protocol

from journal.block_hashes import BLOCK_BYTES
from lakehouse.objects.extents import (
    Answer,
    BlobsUsed,
    BlocksReady,
    BlocksWanted,
    BytesReady,
    Extent,
    QueryInterrupted,
    ReadFailed,
)
from lakehouse.objects.file_identity import file_identity
from lakehouse.query.wire.object_framing import WINDOW_BLOCKS, frame, read_in_worker

REMEMBERED = 65_536
"""How many blocks' extents are remembered; others are requested again."""
ATTEMPTS = 4
"""How often a block may turn out to have changed before a read fails."""
UNREADABLE = 8
"""After this many reads with unusable files, blocks are requested as bytes at once: the cache's
directory was replaced by one that the kernel does not let this process read."""
REPORT_S = 60.0
"""How often the use of a blob is reported again."""
REPORTED_AT_ONCE = 1_000
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""Without waiting: what lies in the place of a file may be a pipe."""
_WINDOW_BYTES = WINDOW_BLOCKS * BLOCK_BYTES


class ObjectReadError(Exception):
    """The query cannot go on: `ObjectBlocks.failure` says why."""


class RunningQuery(Protocol):
    """What the server may stop. Both methods are called on another thread than the query's."""

    def interrupt(self, number: int, stop_reads: Callable[[], None]) -> None:
        """Stop the query of this number, if it is the one that runs."""
        ...

    def abandon(self) -> None:
        """The server has ended."""
        ...


class ObjectBlocks:
    """The verified blocks of the objects that the running query may read."""

    def __init__(self, channel: socket.socket, running: RunningQuery) -> None:
        self.failure: ReadFailed | None = None
        """Why a read of the running query failed, whatever error DuckDB reports."""
        self._channel = channel
        self._running = running
        self._known: OrderedDict[tuple[str, int], Extent] = OrderedDict()
        self._waiting: dict[int, SimpleQueue[Answer]] = {}
        self._used: set[str] = set()
        self._reported: set[str] = set()
        self._reported_s = time.monotonic()
        self._unreadable = 0
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        threading.Thread(target=self._receive, daemon=True).start()

    def begin(self) -> None:
        """A query begins."""
        with self._lock:
            self.failure = None

    def end(self) -> None:
        """A query has ended: report to the server which blobs it opened."""
        if time.monotonic() - self._reported_s > REPORT_S:
            self._reported.clear()
            self._reported_s = time.monotonic()
        used = list(self._used - self._reported)
        self._used.clear()
        self._reported.update(used)
        for start in range(0, len(used), REPORTED_AT_ONCE):
            self._send(BlobsUsed(tuple(used[start : start + REPORTED_AT_ONCE])))

    def use(self, blob: str) -> None:
        """The running query opens this blob."""
        self._used.add(blob)

    def has(self, blob: str, size_bytes: int) -> bool:
        """Whether the extents of all blocks of a blob are known, so that reads need no answer."""
        return all((blob, index) in self._known for index in range(-(-size_bytes // BLOCK_BYTES)))

    def read(self, blob: str, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop` of a blob, verified. Raises ObjectReadError."""
        for attempt in range(ATTEMPTS):
            if self.failure is not None:
                raise ObjectReadError(self.failure.detail)
            # Give up on files that change at once, or that this process may not read.
            inline = attempt >= ATTEMPTS // 2 or self._unreadable >= UNREADABLE
            given = self._ask(blob, start, stop, inline=inline)
            body = self._assembled(blob, start, stop, given)
            if body is not None:
                self._unreadable += attempt >= ATTEMPTS // 2
                return body
            self._forget(blob, start, stop)
        self._fail(ReadFailed(0, "object_damaged", "a cached block changes while it is read"))
        raise ObjectReadError("it changes while it is being read")

    def _ask(self, blob: str, start: int, stop: int, *, inline: bool) -> dict[int, bytes]:
        """Request the extents of a range's unknown blocks; return the bytes of windows that have none."""
        numbers: dict[int, int] = {}
        for window, first, last in self._unknown(blob, start, stop):
            with self._lock:
                if self.failure is not None:
                    break
                number = next(self._numbers)
                self._waiting[number] = SimpleQueue()
            numbers[number] = window
            self._send(BlocksWanted(number, blob, first, last, inline))
        given: dict[int, bytes] = {}
        try:
            for number, window in numbers.items():
                answer = self._waiting[number].get()
                if isinstance(answer, ReadFailed):
                    self._fail(answer)
                    raise ObjectReadError(answer.detail)
                if isinstance(answer, BytesReady):
                    given[window] = answer.data
                else:
                    self._learn(blob, answer)
        finally:
            for number in numbers:
                self._waiting.pop(number, None)
        return given

    def _unknown(self, blob: str, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """(window, start, stop) of each window of the range in which a block is unknown."""
        for window in range(start // _WINDOW_BYTES, -(-stop // _WINDOW_BYTES)):
            first = max(start, window * _WINDOW_BYTES)
            last = min(stop, (window + 1) * _WINDOW_BYTES)
            indices = range(first // BLOCK_BYTES, -(-last // BLOCK_BYTES))
            if any((blob, index) not in self._known for index in indices):
                yield window, first, last

    def _learn(self, blob: str, answer: BlocksReady) -> None:
        with self._lock:
            for extent in answer.extents:
                for index in range(extent.start // BLOCK_BYTES, -(-extent.stop // BLOCK_BYTES)):
                    self._known[blob, index] = extent
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    def _assembled(self, blob: str, start: int, stop: int, given: dict[int, bytes]) -> bytes | None:
        """The bytes; None where a block has changed."""
        parts: list[bytes] = []
        at = start
        while at < stop:
            window = at // _WINDOW_BYTES
            if window in given:
                part: bytes | None = given[window]
            else:
                extent = self._known.get((blob, at // BLOCK_BYTES))
                part = _part(extent, at, stop) if extent is not None else None
            if not part:
                return None
            parts.append(part)
            at += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _forget(self, blob: str, start: int, stop: int) -> None:
        with self._lock:
            for index in range(start // BLOCK_BYTES, -(-stop // BLOCK_BYTES)):
                self._known.pop((blob, index), None)

    def _send(self, message: BlocksWanted | BlobsUsed) -> None:
        with self._sending:
            self._channel.sendall(frame(message))

    def _receive(self) -> None:
        try:
            while (message := read_in_worker(self._channel)) is not None:
                if isinstance(message, QueryInterrupted):
                    self._running.interrupt(message.number, self._stop_reads)
                elif (waiting := self._waiting.get(message.number)) is not None:
                    waiting.put(message)
        finally:
            self._fail(ReadFailed(0, "query_killed", "the server has ended"))
            self._running.abandon()

    def _stop_reads(self) -> None:
        """Let every read that waits, and every further one of this query, fail.

        DuckDB's own interrupt takes effect after a read.
        """
        self._fail(ReadFailed(0, "query_timeout", "interrupted"))

    def _fail(self, failure: ReadFailed) -> None:
        with self._lock:
            self.failure = self.failure or failure
            for waiting in list(self._waiting.values()):
                waiting.put(failure)


def _part(extent: Extent, at: int, stop: int) -> bytes | None:
    """Bytes of an extent from `at`, at most to `stop`; None when its file has changed."""
    size_bytes = min(stop, extent.stop) - at
    try:
        descriptor = os.open(extent.path, _READ)
    except OSError:
        return None
    try:
        body = os.pread(descriptor, size_bytes, at - extent.shift)
        # After the read: what was written before it has changed the identity.
        same = file_identity(descriptor) == extent.identity
    except OSError:  # a disk that fails, or what is no file
        return None
    finally:
        os.close(descriptor)
    return body if same and len(body) == size_bytes else None
