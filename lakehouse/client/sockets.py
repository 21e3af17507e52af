"""The sockets of one client's connections, those in use too, so that another thread can end them.

urllib3 closes only connections that are idle. Must never close a socket: its connection does.
"""

import socket
import threading
from contextlib import suppress
from typing import Any
from weakref import WeakSet

import urllib3


class Sockets:
    """Owns whether the connections of a pool may be used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: WeakSet[socket.socket] = WeakSet()
        self.ended = False
        """Whether they were ended; what is connected later ends at once."""

    def watch(self, pool: urllib3.HTTPConnectionPool) -> None:
        """Know each socket that the pool connects from now on."""
        kind: Any = pool.ConnectionCls
        sockets = self

        class Watched(kind):  # type: ignore[misc]  # the class depends on the scheme
            def connect(self) -> None:
                super().connect()
                sockets.add(self.sock)

        pool.ConnectionCls = Watched

    def add(self, connected: socket.socket) -> None:
        """Know a socket; one that comes too late is ended."""
        with self._lock:
            self._open.add(connected)
            late = self.ended
        if late:
            _shut_down(connected)

    def end(self) -> None:
        """End every connection, in both directions. Its requests fail, in whichever thread they are."""
        with self._lock:
            self.ended = True
            still_open = list(self._open)
        for each in still_open:
            _shut_down(each)


def _shut_down(each: socket.socket) -> None:
    with suppress(OSError):  # closed, or ended by the other side
        # Not SSLSocket's own method: it would take the TLS state from the thread that reads.
        socket.socket.shutdown(each, socket.SHUT_RDWR)
