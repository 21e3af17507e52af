"""One connection: aiohttp's protocol, with answers where aiohttp sends none.

Owns what happens below a request: bytes that are not HTTP, bodies that break off, clients that
close their side. It uses a few of aiohttp's private names, since there are no public ones; tests over raw
sockets cover all of it.
"""

import asyncio
import re
import uuid
from typing import Any

import structlog
from aiohttp import ClientPayloadError, HttpVersion10, HttpVersion11, web
from aiohttp.http_exceptions import BadHttpMethod
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestHandler

from lakehouse.domain.errors import Refused
from lakehouse.web.http.exchange import stamp
from lakehouse.web.http.problems import problem

ABANDONABLE = web.RequestKey("ABANDONABLE", bool)
"""Set on a request whose answer may take long: a client that closes its side cancels it."""
VERSIONS = (HttpVersion10, HttpVersion11)
"""Of HTTP. The parser lets 0.9, which has no headers, and 2.0 pass."""

_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [!-~]+ HTTP/1\.[01]\r?\n")
"""RFC 9112, section 3; the method is any token."""
_LINE_BYTES = 256

log = structlog.get_logger()


def unreadable(request: web.BaseRequest) -> ConnectionResetError:
    """Answer bare bytes to a request of another HTTP version, and end its connection.

    Written to the transport, because aiohttp would answer in the version of the request.
    Returns what the handler raises, for aiohttp to make no further answer.
    """
    identity = uuid.uuid4().hex
    log.info("unreadable_request", request_id=identity, fault="HttpVersion")
    response = web.Response(status=400)
    stamp(response, identity)
    lines = [f"{name}: {value}" for name, value in response.headers.items()]
    lines = ["HTTP/1.1 400 Bad Request", *lines, "Content-Length: 0", "Connection: close"]
    if request.transport is not None:
        request.transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        request.transport.close()
    return ConnectionResetError("the request is not HTTP/1.0 or HTTP/1.1")


class Connection(RequestHandler):
    """aiohttp's connection, with a bare 400 for bytes that are not HTTP."""

    __slots__ = ("_body", "_head_begun", "_line")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start. Only the body of the last request that was parsed can still be open."""
        self._body: StreamReader = EMPTY_PAYLOAD
        self._head_begun = False
        self._line = b""
        super().connection_made(transport)

    @property
    def idle(self) -> bool:
        """Whether no request of it is being answered or waits to be."""
        return self._current_request is None and not self._messages

    @property
    def awaits_head(self) -> bool:
        """Whether a head must come: the first of the connection, or one that has begun."""
        return self.idle and (self._request_count == 0 or self._head_begun)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer bytes that are not HTTP, without an echo and without the parser's text.

        The parser does not know every method; a request with another one is HTTP, and gets a problem.
        """
        identity = uuid.uuid4().hex
        log.info("unreadable_request", request_id=identity, fault=type(exc).__name__)
        response: web.Response = web.Response(status=status)
        if isinstance(exc, BadHttpMethod) and _REQUEST_LINE.match(self._line):
            refused = Refused("method_not_supported", "the server knows no such method")
            response = problem(refused, identity)
        stamp(response, identity)
        response.force_close()
        return response

    def log_exception(self, *args: Any, exc_info: BaseException | None = None, **kw: Any) -> None:
        """Log what nobody handled; not a body that ended early after its request was answered."""
        if not isinstance(exc_info, ClientPayloadError):
            super().log_exception(*args, exc_info=exc_info, **kw)

    def data_received(self, data: bytes) -> None:
        """Feed the parser. If it fails within a body, the body's reader gets the error."""
        if self.idle and not self._head_begun:
            self._line = data[:_LINE_BYTES]
        self._feed(data)
        self._head_begun = self.idle
        if not self._messages:
            return
        last = self._messages[-1][1]
        if last is EMPTY_PAYLOAD:
            # Nothing follows a body that is still open, except the parser's failure.
            self._break_off("it cannot be parsed")
        else:
            self._body = last

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio asks for one
        """Whether the connection stays open, for a client that only closed its own side.

        It gets its answer, and an unfinished body gets its error; but a query is cancelled: a client
        that closes while it runs cannot be distinguished from one that left. TLS has no half-closed
        connections in asyncio: it ends.
        """
        broken = self._break_off("it ended early")
        if self.transport is None or self.transport.get_extra_info("sslcontext") is not None:
            return False
        idle = self._request_count == 0 or (self._waiter is not None and not self._waiter.done())
        if idle or (self._abandonable() and not broken):
            return False
        self.close()
        return True

    def _feed(self, data: bytes) -> None:
        """Feed a stopping connection too: aiohttp drops its bytes, but a body that has begun may end."""
        stopping = self._close, self._force_close
        if not self._body.is_eof():
            self._close = self._force_close = False
        try:
            super().data_received(data)
        finally:
            if any(stopping):
                self._close, self._force_close = stopping

    def _break_off(self, why: str) -> bool:
        """End an open body with an error. Returns whether there was one."""
        if self._body.is_eof():
            return False
        self._body.set_exception(ClientPayloadError(why))
        self._body.feed_eof()
        return True

    def _abandonable(self) -> bool:
        request = self._current_request
        return request is not None and request.get(ABANDONABLE, False)
