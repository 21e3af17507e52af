"""The edge itself: every request passes here once, in and out.

One function maps every error; one place sets the headers that every answer carries. aiohttp's
application layer is not used: its router decodes and normalises paths before we can look at them,
and it answers `Expect: 100-continue` before anything has been judged.
"""

import asyncio
import time

import structlog
from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.web_protocol import RequestHandler

from journal.clock import Clock
from lakehouse.commit.faults import KNOWN, refusal
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.service import Service
from lakehouse.web.http.bodies import check_transfer_coding
from lakehouse.web.http.connection import ABANDONABLE, Connection, unreadable
from lakehouse.web.http.encoding import encoded
from lakehouse.web.http.exchange import Exchange, finish, name_query, request_id
from lakehouse.web.http.origin import foreign
from lakehouse.web.http.pace import PACE, Pace
from lakehouse.web.http.problems import problem
from lakehouse.web.routes import match

MIN_SEQ_WAIT_S = 5.0
IDLE_S = 75.0
"""For how long a connection may say nothing between requests."""
LINGER_S = 2.0
"""For how long the rest of a body that was refused is read, so that the client sees the answer."""
ROUTE = web.RequestKey("ROUTE", tuple)
"""Set on a request that is some route's: that route's method and path."""
UNROUTED = ("other", "none")
VERSIONS = (HttpVersion10, HttpVersion11)
"""Of HTTP. The parser lets 0.9, which has no headers, and 2.0 pass."""

log = structlog.get_logger()


class Edge(web.Server):
    """The service over HTTP."""

    def __init__(self, service: Service, clock: Clock | None = None) -> None:
        """`clock` is the service's own; a test passes another for the pace of clients alone."""
        super().__init__(
            self.handle,
            handler_cancellation=True,
            auto_decompress=False,
            access_log=None,
            lingering_time=LINGER_S,
            keepalive_timeout=IDLE_S,
        )
        self._service = service
        self._clock = clock or service.node.clock

    def __call__(self) -> RequestHandler:
        """A handler for one connection."""
        return Connection(self, loop=asyncio.get_running_loop(), **self._kwargs)

    def pre_shutdown(self) -> None:
        """Before connections are waited for: those who listen would wait with us for ever."""
        self._service.feed.close()
        super().pre_shutdown()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        started_s = time.monotonic()
        if request.version not in VERSIONS:
            raise unreadable(request)
        identity = request_id(request.headers)
        status = 499
        pace = request[PACE] = Pace(request, self._clock)
        with structlog.contextvars.bound_contextvars(request_id=identity):
            try:
                response = await self._answer(request, identity)
                status = response.status
            finally:
                pace.end()
                took_s = time.monotonic() - started_s
                method, route = request.get(ROUTE, UNROUTED)
                self._service.metrics.answered(method, route, status, took_s)
                log.info(
                    "request",
                    method=request.method,
                    path=request.raw_path.partition("?")[0][:1024],
                    status=status,
                    ms=round(took_s * 1000, 1),
                )
        return response

    async def _answer(self, request: web.BaseRequest, identity: str) -> web.StreamResponse:
        response: web.StreamResponse
        name_query(request)
        try:
            response = await encoded(request, await self._route(request, identity))
        except RefusedError as error:
            response = _refuse(request, error.refused, identity)
        except KNOWN as error:
            self._service.node.note(error)
            log.warning("fault", kind=type(error).__name__, detail=str(error))
            response = _refuse(request, refusal(error), identity)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("bug")
            detail = "this is a bug; the log has it under the request id"
            response = _refuse(request, Refused("internal_error", detail), identity)
        finish(request, response, identity)
        return response

    async def _route(self, request: web.BaseRequest, identity: str) -> web.StreamResponse:
        if refused := foreign(request.method, request.raw_path, request.headers):
            raise RefusedError(refused)
        check_transfer_coding(request)
        exchange = Exchange(request, identity, self._service.node.clock.monotonic())
        route, exchange.tail = match(request.method, exchange.target.path)
        exchange.changes = route.changes
        request[ABANDONABLE] = route.abandonable
        request[ROUTE] = (route.method, route.path)
        await self._reach(exchange)
        return await route.handler(self._service, exchange)

    async def _reach(self, exchange: Exchange) -> None:
        """Honour X-Min-Seq: a client reads what it wrote, on any node."""
        text = exchange.header("X-Min-Seq")
        if text is None:
            return
        if not text.isascii() or not text.isdigit() or len(text) > 16:
            raise RefusedError(Refused("invalid_request", "X-Min-Seq is an event's number"))
        await self._service.node.wait_for_seq(int(text), MIN_SEQ_WAIT_S)


def _refuse(request: web.BaseRequest, refused: Refused, identity: str) -> web.Response:
    """The answer that says no; once an answer has begun, only a broken connection can say it."""
    if request.writer.output_size > 0:
        log.warning("answer_broken_off", code=refused.code, detail=refused.detail)
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError(refused.code)
    response = problem(refused, identity)
    if refused.code == "method_not_allowed":
        response.headers["Allow"] = ", ".join(str(row["allow"]) for row in refused.errors)
    return response
