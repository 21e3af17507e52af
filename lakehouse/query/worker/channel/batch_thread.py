"""The thread that computes the next batch of a result while the one before it is rendered and sent.

Owns that thread, one for all queries of a worker, which a result of one small batch does not use. Must
never compute more than one batch ahead, as results have no bound, nor use a cursor after its query.
"""

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import TracebackType

import duckdb
import pyarrow as pa

from lakehouse.query.worker.execution import BATCH_ROWS

_AGAIN_S = 0.05
"""DuckDB 2.0.1 misses an interrupt at rare moments, seen on a loaded machine."""


class BatchThread:
    """Runs the reading of one result after the other."""

    def __init__(self) -> None:
        self._readings: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def run(self, reading: Callable[[], None]) -> None:
        """Let the thread call `reading`, which must not raise."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="next batch", daemon=True)
            self._thread.start()
        self._readings.put(reading)

    def _work(self) -> None:
        while True:
            self._readings.get()()


class BatchesAhead:
    """The batches of one result. After the context the thread does not use the cursor."""

    def __init__(self, thread: BatchThread, cursor: duckdb.DuckDBPyConnection) -> None:
        self._thread = thread
        self._cursor = cursor
        self._reading: _Reading | None = None

    def __enter__(self) -> "BatchesAhead":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Stop reading, whatever is computed."""
        if self._reading is None or self._reading.is_over.is_set():
            return
        self._reading.wanted.put(False)
        self._cursor.interrupt()
        while not self._reading.is_over.wait(_AGAIN_S):
            self._cursor.interrupt()

    def batches(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        """Yield what `reader` yields; raises what it raises. To be called once."""
        first = next(reader, None)
        if first is None:
            return
        yield first
        if first.num_rows < BATCH_ROWS:
            # It is probably all: a thread would cost more than it saves.
            yield from reader
            return
        self._reading = reading = _Reading(reader)
        reading.wanted.put(True)
        self._thread.run(reading.read)
        while not isinstance(found := reading.found.get(), StopIteration):
            if isinstance(found, Exception):
                raise found
            reading.wanted.put(True)
            yield found


class _Reading:
    """What the thread does for one result, and what it exchanges with the one that sends."""

    def __init__(self, reader: pa.RecordBatchReader) -> None:
        self._reader = reader
        self.wanted: SimpleQueue[bool] = SimpleQueue()
        """True for each batch that may be computed, False at the end."""
        self.found: SimpleQueue[pa.RecordBatch | Exception] = SimpleQueue()
        self.is_over = threading.Event()

    def read(self) -> None:
        try:
            while self.wanted.get():
                self.found.put(self._reader.read_next_batch())
        except Exception as error:  # noqa: BLE001  # raised by batches
            self.found.put(error)
        finally:
            self.is_over.set()
