"""Keep-alive clients of one server in one thread: little beside a server that shares the machine.

`http.client` in a thread for each client takes 0.2 to 0.4 ms of CPU a request, which the server then lacks.
"""

import selectors
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_RECEIVE_BYTES = 1 << 16


def post(port: int, target: str, body: bytes, media_type: str) -> bytes:
    """A request as it is sent."""
    head = (
        f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {media_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def exchange_all(
    port: int, clients: Sequence[Iterator[bytes]], answered: Callable[[bytes], None]
) -> None:
    """Each client sends its next request once the one before is answered; all must be answered by 200.

    `answered` is called with the body of each answer. Ends with an error for any other status.
    """
    with ExitStack() as stack, selectors.DefaultSelector() as ready:
        for requests in clients:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client = _Client(connection, requests)
            if client.send_next():
                ready.register(connection, selectors.EVENT_READ, client)
        while ready.get_map():
            for key, _ in ready.select():
                client = key.data
                body = client.receive()
                if body is None:
                    continue
                answered(body)
                if not client.send_next():
                    ready.unregister(key.fileobj)


class _Client:
    """One connection, with at most one request that waits for its answer."""

    def __init__(self, connection: socket.socket, requests: Iterator[bytes]) -> None:
        self._connection = connection
        self._requests = requests
        self._received = b""

    def send_next(self) -> bool:
        """Send the next request; False if there is none."""
        request = next(self._requests, None)
        if request is None:
            return False
        self._connection.sendall(request)
        return True

    def receive(self) -> bytes | None:
        """What has come; the body of the answer once all of it has."""
        piece = self._connection.recv(_RECEIVE_BYTES)
        if not piece:
            raise SystemExit("the server closed a connection")
        self._received += piece
        head, end, body = self._received.partition(_HEAD_END)
        if not end or len(body) < _length(head):
            return None
        if not head.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"refused: {body[:500]!r}")
        self._received = b""
        return body


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    (found,) = (line for line in lines if line.startswith(_LENGTH))
    return int(found.removeprefix(_LENGTH))
