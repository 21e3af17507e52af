"""The thread that computes the next batch of a result while the one before it is rendered and sent.

Owns that thread, one for all queries of a worker, which first starts for a result of two batches. Must
never compute more than one batch ahead, as results have no bound, nor use a cursor after its query.
"""

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import TracebackType

import duckdb
import pyarrow as pa

_AGAIN_S = 0.05
"""DuckDB 2.0.1 misses an interrupt at rare moments, seen on a loaded machine."""

Batches = SimpleQueue[pa.RecordBatch | Exception]


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
        self._wanted: SimpleQueue[bool] = SimpleQueue()
        """True for each batch that may be computed, False at the end."""
        self._found: Batches = SimpleQueue()
        self._is_read = threading.Event()
        self._is_read.set()
        """Whether the thread has nothing to do for this result."""

    def __enter__(self) -> "BatchesAhead":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Stop reading, whatever is computed."""
        if self._is_read.is_set():
            return
        self._wanted.put(False)
        self._cursor.interrupt()
        while not self._is_read.wait(_AGAIN_S):
            self._cursor.interrupt()

    def batches(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        """Yield what `reader` yields; raises what it raises. To be called once."""
        first = next(reader, None)
        if first is None:
            return
        yield first
        self._is_read.clear()
        self._wanted.put(True)
        self._thread.run(lambda: self._read(reader))
        while not isinstance(found := self._found.get(), StopIteration):
            if isinstance(found, Exception):
                raise found
            self._wanted.put(True)
            yield found

    def _read(self, reader: pa.RecordBatchReader) -> None:
        try:
            while self._wanted.get():
                self._found.put(reader.read_next_batch())
        except Exception as error:  # noqa: BLE001  # raised by batches
            self._found.put(error)
        finally:
            self._is_read.set()
