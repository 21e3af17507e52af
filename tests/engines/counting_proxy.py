"""A TCP proxy before an S3 store, which counts what clients read of data objects. Changes no byte."""

import contextlib
import re
import socket
import threading
from collections import Counter

PIECE_BYTES = 16 * 1024
BUFFER_BYTES = 32 * 1024
"""Of the sockets, so that little counts as read that the client never took."""
_REQUEST = re.compile(rb"(GET|HEAD|PUT|POST|DELETE) (\S+) HTTP/1\.1\r\n")
_DERIVED = b"/_"
"""What the path of a derived object or of an event has, and that of a data object has not."""


class CountingProxy:
    """Listens on a port of its own until it is closed."""

    def __init__(self, port: int) -> None:
        self._store = ("127.0.0.1", port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        self.url = "http://{}:{}".format(*self._listening.getsockname())
        self._lock = threading.Lock()
        self._bytes: Counter[bytes] = Counter()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def take(self) -> tuple[int, int]:
        """The data objects that were read since the last call, and the bytes of the answers."""
        with self._lock:
            found, self._bytes = self._bytes, Counter()
        return len(found), found.total()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        current: list[bytes | None] = [None]
        with client, socket.socket() as store:
            store.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            store.connect(self._store)
            answers = threading.Thread(target=self._answers, args=(store, client, current))
            answers.start()
            with contextlib.suppress(OSError):
                while piece := client.recv(PIECE_BYTES):
                    # No client sends a request before it has the whole answer to the last.
                    if request := _REQUEST.match(piece):
                        current[0] = _read_object(*request.groups())
                    store.sendall(piece)
                store.shutdown(socket.SHUT_WR)
            answers.join()

    def _answers(
        self, store: socket.socket, client: socket.socket, current: list[bytes | None]
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := store.recv(PIECE_BYTES):
                if (path := current[0]) is not None:
                    with self._lock:
                        self._bytes[path] += len(piece)
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)


def _read_object(method: bytes, target: bytes) -> bytes | None:
    """The path of the data object that a request reads."""
    path, _, query = target.partition(b"?")
    listed = b"list-type" in query or b"prefix=" in query
    return path if method == b"GET" and not listed and _DERIVED not in path else None
