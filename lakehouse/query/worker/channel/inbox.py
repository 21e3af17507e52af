"""The engine's messages to a worker, and the query that an interrupt stops.

Owns which query runs. The main thread reads the messages; interrupts come by the object channel, which a
thread of its own reads during a query, as DuckDB releases the GIL while it works. When the engine has
ended the process ends at once, whatever it does.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb

from lakehouse.query.wire.framing import MessageReader
from lakehouse.query.wire.messages import Ask, Interrupt, Taken, ToWorker, Views
from lakehouse.query.wire.shared_memory import SLOTS


class Interrupted(Exception):
    """The engine has cancelled this query."""


class Inbox:
    """Messages in the order of arrival; an interrupt takes effect at once."""

    def __init__(self, reader: MessageReader) -> None:
        self._reader = reader
        self._running: tuple[int, duckdb.DuckDBPyConnection] | None = None
        self._interrupted = 0
        """The number of the last query that was interrupted: perhaps one that has not begun."""
        self._lock = threading.Lock()
        self._free = list(range(SLOTS))
        """The free slots of the shared memory."""

    def asks(self) -> Iterator[Ask]:
        """Yield each query, until the engine has ended; late messages about an earlier one are dropped.

        Raises what MessageReader.read raises.
        """
        while (message := self._read()) is not None:
            if isinstance(message, Ask):
                yield message

    def views(self, number: int) -> Views:
        """Return the views for query `number`. Raises Interrupted when it is cancelled."""
        while (message := self._read()) is not None:
            if isinstance(message, Views) and message.number == number:
                return message
            if isinstance(message, Interrupt) and message.number == number:
                raise Interrupted
        raise Interrupted

    def slot(self, number: int) -> int:
        """Return a free slot of the shared memory for query `number`, once the server has read one.

        Raises Interrupted when the query is cancelled.
        """
        while not self._free:
            message = self._read()
            if message is None or (isinstance(message, Interrupt) and message.number == number):
                raise Interrupted
        return self._free.pop(0)

    @contextmanager
    def interruptible(self, number: int, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Let an interrupt of query `number` reach `cursor` while the context lasts.

        Raises Interrupted where it came before.
        """
        with self._lock:
            if self._interrupted == number:
                raise Interrupted
            self._running = (number, cursor)
        try:
            yield
        finally:
            with self._lock:
                self._running = None

    def _read(self) -> ToWorker | None:
        message = self._reader.read()
        if isinstance(message, Taken):
            self._free.append(message.slot)
        return message

    def interrupt(self, number: int, stop_reads: Callable[[], None]) -> None:
        """Stop the query of this number, on another thread than the query's."""
        with self._lock:  # also around the reads: the next query's must not be stopped
            self._interrupted = number
            if self._running is not None and self._running[0] == number:
                self._running[1].interrupt()
                stop_reads()

    def abandon(self) -> None:
        """End the process: nobody reads what it computes."""
        os._exit(0)
