"""A client that sends exactly the given bytes, over a socket of its own, and reads as a stranger.

Not the server's own library: requests are bytes that we write, answers are parsed by http.client.
"""

import http.client
import json
import socket
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

TIMEOUT_S = 60.0

Body = bytes | str | dict[str, Any] | list[Any] | None
Headers = Mapping[str, str] | Iterable[tuple[str, str]]


class Answer:
    """What came back: status, headers, bytes."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def seq(self) -> int:
        return int(self.headers["X-Journal-Seq"])

    def __repr__(self) -> str:
        return f"<{self.status} {dict(self.headers.items())} {self.body[:500]!r}>"


class Client:
    """Asks one server, on a fresh connection each time."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self.port = port
        self.token = token
        """Sent with each request that has no Authorization of its own."""
        self.host = f"127.0.0.1:{port}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S)

    def ask(
        self, method: str, target: str | bytes, body: Body = None, headers: Headers = ()
    ) -> Answer:
        """Send one request and read its answer. A dict or list is sent as JSON."""
        with closing(self.connect()) as sock:
            sock.sendall(self.request(method, target, body, headers))
            return read_answer(sock, method)

    def request(
        self, method: str, target: str | bytes, body: Body = None, headers: Headers = ()
    ) -> bytes:
        """A request's bytes. Host, Connection and Content-Length are added where not given."""
        payload = _payload(body)
        given = list(headers.items() if isinstance(headers, Mapping) else headers)
        names = {name.lower() for name, _ in given}
        if "host" not in names:
            given.insert(0, ("Host", self.host))
        if "connection" not in names:
            given.append(("Connection", "close"))
        if self.token is not None and "authorization" not in names:
            given.append(("Authorization", f"Bearer {self.token}"))
        if payload is not None and not names & {"content-length", "transfer-encoding"}:
            given.append(("Content-Length", str(len(payload))))
        raw_target = target.encode() if isinstance(target, str) else target
        lines = [method.encode() + b" " + raw_target + b" HTTP/1.1"]
        lines += [f"{name}: {value}".encode() for name, value in given]
        return b"\r\n".join(lines) + b"\r\n\r\n" + (payload or b"")

    def raw(self, data: bytes, *, end: bool = False) -> bytes:
        """Send bytes as they are; all that comes back until the server closes. `end`: half-close."""
        with closing(self.connect()) as sock:
            sock.sendall(data)
            if end:
                sock.shutdown(socket.SHUT_WR)
            return read_to_end(sock)

    def head(self) -> int:
        """Where the journal stands."""
        return int(self.ask("GET", "/v1/journal/head").json["seq"])


def read_answer(sock: socket.socket, method: str = "GET") -> Answer:
    """The next answer on a connection."""
    with closing(http.client.HTTPResponse(sock, method=method)) as response:
        response.begin()
        return Answer(response)


def read_to_end(sock: socket.socket) -> bytes:
    """Everything until the other side closes; a reset counts as one."""
    received = bytearray()
    try:
        while piece := sock.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return bytes(received)


def _payload(body: Body) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()
