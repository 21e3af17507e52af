"""A client of POST /v1/stream: chunks that a test writes, lines that come back while it does."""

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from types import MappingProxyType
from typing import Any

from raw_http import Client

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class RowStream:
    """One request that is open, and its answer."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.response = http.client.HTTPResponse(sock, method="POST")

    def begun(self) -> int:
        """The answer's status, once its head is there."""
        self.response.begin()
        return self.response.status

    def send(self, *chunks: bytes) -> None:
        """Send chunks, each as one of HTTP."""
        self.sock.sendall(b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in chunks))

    def finish(self) -> None:
        """End the request's body."""
        self.sock.sendall(b"0\r\n\r\n")

    def line(self) -> Any:
        """The next line of the answer that is no keepalive; None after the last."""
        while text := self.response.readline():
            found = json.loads(text)
            if "keepalive" not in found:
                return found
        return None

    def rest(self) -> list[Any]:
        """All further lines."""
        return list(iter(self.line, None))

    def reset(self) -> None:
        """Leave without a word."""
        with suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.response.close()
        self.sock.close()


@contextmanager
def row_stream(
    client: Client, name: str, query: str = "", headers: Mapping[str, str] = NO_HEADERS
) -> Iterator[RowStream]:
    """An open stream into a dataset, whose answer has not been looked at."""
    with closing(client.connect()) as sock:
        sent = {"Transfer-Encoding": "chunked", **headers}
        sock.sendall(client.request("POST", f"/v1/stream/{name}{query}", None, sent))
        yield RowStream(sock)


def rows(*numbers: int) -> bytes:
    """Lines with these numbers."""
    return b"".join(b'{"n": %d}\n' % number for number in numbers)
