"""Reads the engine's messages to a worker on a separate thread, so that it can interrupt a query.

DuckDB releases the GIL while it works, so this thread runs during a query. When the engine has ended
the process ends at once, whatever it does.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import duckdb

from lakehouse.query.framing import read_in_worker
from lakehouse.query.messages import Ask, Configure, Interrupt, Views


class Interrupted(Exception):
    """The engine no longer wants this query."""


class Inbox:
    """Messages in the order of arrival; an interrupt takes effect at once."""

    def __init__(self, connection: socket.socket, interrupt_reads: Callable[[], None]) -> None:
        self._connection = connection
        self._interrupt_reads = interrupt_reads
        """Ends the running read of a query: DuckDB's own interrupt takes effect after the read."""
        self._messages: SimpleQueue[Configure | Ask | Views | Interrupt] = SimpleQueue()
        self._running: tuple[int, duckdb.DuckDBPyConnection] | None = None
        self._lock = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def asks(self) -> Iterator[Ask]:
        """Yield each query; late messages about an earlier one are dropped."""
        while True:
            message = self._messages.get()
            if isinstance(message, Ask):
                yield message

    def views(self, number: int) -> Views:
        """Return the views for query `number`. Raises Interrupted when it is cancelled."""
        while True:
            message = self._messages.get()
            if isinstance(message, Views) and message.number == number:
                return message
            if isinstance(message, Interrupt) and message.number == number:
                raise Interrupted

    @contextmanager
    def interruptible(self, number: int, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Let an interrupt of query `number` reach `cursor` while the context lasts."""
        with self._lock:
            self._running = (number, cursor)
        try:
            yield
        finally:
            with self._lock:
                self._running = None

    def _read(self) -> None:
        try:
            while (message := read_in_worker(self._connection)) is not None:
                if isinstance(message, Interrupt):
                    self._interrupt(message.number)
                self._messages.put(message)
        finally:
            # Also for a message that cannot be read, of an engine whose code was replaced beneath
            # it: the main thread would wait for ever, and the engine for this process.
            os._exit(0)

    def _interrupt(self, number: int) -> None:
        with self._lock:
            if self._running and self._running[0] == number:
                self._running[1].interrupt()
                self._interrupt_reads()
