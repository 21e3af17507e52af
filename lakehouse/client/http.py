"""Sends requests and reads answers, and repeats what may be repeated.

A change carries an idempotency key from its first attempt on, so repeating it never makes it twice. Must
never repeat a request whose answer has begun.
"""

import random
import socket
import time
from collections.abc import Generator, Mapping
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import urllib3
from urllib3.connection import HTTPConnection
from urllib3.util import Timeout

from lakehouse.api.problem import Problem
from lakehouse.client.error import Error
from lakehouse.client.request import Request
from lakehouse.client.sockets import Sockets

ATTEMPTS = 7
"""With the pauses between them about 15 s: longer than a restart of the server."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
CONNECT_S = 10.0
READ_S = 900.0
"""How long a connection may be silent before it counts as lost."""
CONNECTIONS = 8
BLOCK_BYTES = 256 * 1024
PROBLEM = "application/problem+json"
INCOMPLETE = "incomplete_answer"
REPEATED = frozenset({429, 502, 503})
"""Statuses after which the same request is sent again, if the answer says that this may help."""
KEEP_ALIVE = [
    *HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
]

T = TypeVar("T")


class Readable(Protocol):
    """A file, as a body is sent."""

    def read(self, size: int = -1, /) -> bytes: ...
    def close(self) -> None: ...


class Upload(Protocol):
    """A body that can be sent more than once."""

    size_bytes: int
    content_type: str

    def opened(self) -> Readable:
        """The body from its first byte."""
        ...


class Http:
    """The connections to one lake."""

    def __init__(self, pool: urllib3.HTTPConnectionPool, base: str, headers: Mapping[str, str]):
        self._pool = pool
        self._sockets = Sockets()
        self._sockets.watch(pool)
        self._base = base
        self._headers = dict(headers)
        self._seq = 0

    def json(self, request: Request, kind: type[T], upload: Upload | None = None) -> T:
        """The answer, decoded. Raises Error."""
        try:
            return msgspec.json.decode(self._body(_keyed(request), upload), type=kind)
        except msgspec.DecodeError as error:
            raise Error("invalid_answer", f"{request.path}: {error}") from error

    def _body(self, request: Request, upload: Upload | None) -> bytes:
        """The whole answer; requested again if it ended early."""
        for _ in range(ATTEMPTS - 1):
            try:
                return read_all(self.open(request, upload))
            except Error as error:
                if error.code != INCOMPLETE:
                    raise
        return read_all(self.open(request, upload))

    def open(
        self, request: Request, upload: Upload | None = None, read_s: float = READ_S
    ) -> urllib3.BaseHTTPResponse:
        """The answer, its body unread. The caller reads or closes it. Raises Error."""
        headers = self._sent(request, upload)
        attempt = 1
        while True:
            try:
                response = self._attempt(request, headers, upload, read_s)
            except urllib3.exceptions.HTTPError as error:
                failure = unreachable(self._pool.host, error)
            else:
                if not _has_an_end(response):
                    response.close()
                    failure = broken_off("its head has no end")
                elif response.status < 300:
                    self._note(request, response.headers)
                    return response
                else:
                    failure = refusal(response, request.path)
            if attempt == ATTEMPTS or self._sockets.ended or not _may_help(failure):
                raise failure
            time.sleep(_pause_s(attempt, failure))
            attempt += 1

    def address(self, request: Request) -> tuple[str, str | None, dict[str, str]]:
        """Where and with which headers another library sends a request: URL, and path of a socket."""
        host = f"[{self._pool.host}]" if ":" in self._pool.host else self._pool.host
        port = f":{self._pool.port}" if self._pool.port else ""
        url = f"{self._pool.scheme}://{host}{port}{self._base}{request.target}"
        path: str | None = self._pool.conn_kw.get("path")
        return url, path, {**self._headers, **dict(request.headers)}

    def close(self) -> None:
        """Close the idle connections; one in use is closed when its answer has been read."""
        self._pool.close()

    def abort(self) -> None:
        """Close all connections, also those in use: what other threads send and read fails, for good."""
        self._sockets.end()
        self._pool.close()

    def _attempt(
        self,
        request: Request,
        headers: Mapping[str, Any],
        upload: Upload | None,
        read_s: float,
    ) -> urllib3.BaseHTTPResponse:
        body: Any = upload.opened() if upload is not None else request.body
        try:
            return self._pool.urlopen(
                request.method,
                self._base + request.target,
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                preload_content=False,
                timeout=Timeout(connect=CONNECT_S, read=read_s),
            )
        finally:
            if upload is not None:
                body.close()

    def _sent(self, request: Request, upload: Upload | None) -> dict[str, Any]:
        headers = {**self._headers, **dict(request.headers)}
        if self._seq and not request.changes:
            # A read after one's own change sees it, whichever process answers.
            headers["X-Min-Seq"] = str(self._seq)
        if upload is not None:
            headers["Content-Type"] = upload.content_type
            headers["Content-Length"] = str(upload.size_bytes)
        return {name: value.encode() for name, value in headers.items()}

    def _note(self, request: Request, headers: Mapping[str, str]) -> None:
        if request.changes:
            self._seq = max(self._seq, seq_of(headers) or 0)


def pool_for(url: str) -> tuple[urllib3.HTTPConnectionPool, str]:
    """The connections of a URL `http(s)://host[:port][/base]`, and its base path. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not the URL of a lakehouse: http://host:port is")
    if parts.username or parts.password:
        raise ValueError("the URL holds a user name or password: pass token=… instead")
    kind = urllib3.HTTPSConnectionPool if parts.scheme == "https" else urllib3.HTTPConnectionPool
    pool = kind(
        parts.hostname,
        parts.port,
        maxsize=CONNECTIONS,
        blocksize=BLOCK_BYTES,
        socket_options=KEEP_ALIVE,
    )
    return pool, parts.path.rstrip("/")


def read_all(response: urllib3.BaseHTTPResponse) -> bytes:
    """The rest of the body; releases the connection. Raises Error `incomplete_answer`."""
    try:
        return response.read()
    except urllib3.exceptions.HTTPError as error:
        raise broken_off(error) from error
    finally:
        response.release_conn()


def pieces(response: urllib3.BaseHTTPResponse) -> Generator[bytes, None, None]:
    """The body as it comes. Raises Error `incomplete_answer`."""
    try:
        yield from response.stream(BLOCK_BYTES)
    except urllib3.exceptions.HTTPError as error:
        raise broken_off(error) from error
    finally:
        response.close()


def seq_of(headers: Mapping[str, str]) -> int | None:
    """The event that an answer includes, if it names one."""
    text = headers.get("X-Journal-Seq")
    return int(text) if text is not None and text.isdecimal() else None


def broken_off(cause: object) -> Error:
    """An answer that ended too early: the part that was received is not used."""
    return Error(INCOMPLETE, f"the answer broke off: {cause}", retryable=True)


def unreachable(host: str, error: Exception) -> Error:
    """No answer was received."""
    return Error("unreachable", f"{host}: {error}", retryable=True)


def refusal(response: urllib3.BaseHTTPResponse, path: str) -> Error:
    """The error of an answer whose status is not 2xx."""
    return refusal_of(read_all(response), response.status, response.headers, path)


def refusal_of(body: bytes, status: int, headers: Mapping[str, str], path: str) -> Error:
    """The error of an answer that was read."""
    if not headers.get("Content-Type", "").startswith(PROBLEM):
        detail = f"{path}: status {status}, and no lakehouse's answer"
        return Error("invalid_answer", detail, status=status, retryable=status in REPEATED)
    found = msgspec.json.decode(body, type=Problem)
    after = headers.get("Retry-After", "")
    return Error(
        found.code,
        found.detail,
        status=found.status,
        retryable=found.retryable,
        hint=found.hint,
        errors=None if isinstance(found.errors, msgspec.UnsetType) else list(found.errors),
        request_id=found.request_id,
        retry_after_s=float(after) if after.isdecimal() else None,
    )


def _has_an_end(response: urllib3.BaseHTTPResponse) -> bool:
    """Whether the answer states its length; one that does not has lost a part of its head."""
    headers = response.headers
    return response.status == 204 or "Content-Length" in headers or "Transfer-Encoding" in headers


def _keyed(request: Request) -> Request:
    """A change with an idempotency key: with it the lake knows a repetition."""
    if not request.changes:
        return request
    key = ("Idempotency-Key", uuid4().hex)
    return msgspec.structs.replace(request, headers=(*request.headers, key))


def _may_help(failure: Error) -> bool:
    """Whether the same request is sent again: there was no answer, or one that asks for it."""
    return failure.retryable and (failure.status is None or failure.status in REPEATED)


def _pause_s(attempt: int, failure: Error) -> float:
    """Twice as long each time, less a random part: clients that failed together come back apart."""
    longest: float = min(FIRST_PAUSE_S * 2.0**attempt, LONGEST_PAUSE_S)
    if failure.retry_after_s is not None:
        longest = max(longest, min(failure.retry_after_s, LONGEST_PAUSE_S))
    part: float = random.uniform(0.5, 1.0)  # noqa: S311  # no secret
    return longest * part
