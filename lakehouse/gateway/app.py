"""The gateway's edge: every request passes here once, in and out.

Owns what is judged before a role sees a request: its host, its origin and its form. The roles judge who
may do what. Their answers, refusals included, pass unchanged.
"""

import asyncio
import time

import msgspec
import structlog
from aiohttp import web

from journal.clock import SystemClock
from lakehouse.api.status import GatewayReady, Health
from lakehouse.domain.errors import Json, Refused, RefusedError
from lakehouse.gateway.forwarding import Forwarded, Forwarder
from lakehouse.gateway.readiness import ready
from lakehouse.gateway.upstreams import Upstreams
from lakehouse.metrics import CONTENT_TYPE, Metrics
from lakehouse.roles import CATALOG, GATEWAY, is_abandonable, is_row_stream, role_of
from lakehouse.web.browser.elsewhere import asks_for_page, console_is_elsewhere
from lakehouse.web.http.bodies import check_transfer_coding
from lakehouse.web.http.connections.connection import ABANDONABLE, VERSIONS, unreadable
from lakehouse.web.http.connections.pace import PACE, Pace
from lakehouse.web.http.connections.peer import Site
from lakehouse.web.http.connections.server import ConnectionServer, peer_of_request
from lakehouse.web.http.cors import ALLOWED_ORIGIN, is_preflight, preflight
from lakehouse.web.http.exchange import TARGET, finish, request_id, split_authority
from lakehouse.web.http.origin import allowed_origin, foreign
from lakehouse.web.http.problems import REFUSED, answer, refuse
from lakehouse.web.http.request_trace import Tracing, finish_span, traced

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
STREAM = "/v1/journal/stream"
OWN = ("/health", "/ready", "/metrics")
ROUTE = web.RequestKey("ROUTE", tuple)
"""Set on a request that is answered or forwarded: its method, and the path or role that it is for."""
UNROUTED = ("other", "none")

log = structlog.get_logger()


class Gateway(ConnectionServer):
    """All roles at one address."""

    def __init__(
        self,
        upstreams: Upstreams,
        max_connections: int,
        site: Site,
        *,
        metrics_open: bool = False,
        tracing: Tracing | None = None,
    ) -> None:
        """`metrics_open`: whether the gateway's own metrics need no token."""
        self._clock = SystemClock()
        super().__init__(self.handle, max_connections, self._clock)
        self._upstreams = upstreams
        self._forwarder = Forwarder(upstreams)
        self._site = site
        self._metrics = Metrics(tuple)
        self._metrics_open = metrics_open
        self._tracing = tracing

    def pre_shutdown(self) -> None:
        """End streams before connections are waited for: they would never end by themselves."""
        self._forwarder.end_streams()
        super().pre_shutdown()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        started_s, status = time.monotonic(), 499
        if request.version not in VERSIONS:
            raise unreadable(request)
        identity = request_id(request.headers)
        pace = request[PACE] = Pace(request, self._clock)
        peer = peer_of_request(self._site, request)
        request[TARGET] = split_authority(request.raw_path)[1]
        with traced(request, identity, self._tracing) as span:
            forwarded = Forwarded(request, identity, peer, "", span.traceparent if span else None)
            try:
                response = await self._answer(forwarded)
                status = response.status
            finally:
                pace.end()
                method, route = request.get(ROUTE, UNROUTED)
                if span is not None:
                    finish_span(span, request, identity, (method, route), status, peer)
                took_s = time.monotonic() - started_s
                self._metrics.answered(method, route, status, took_s)
                _log(forwarded, status, took_s)
        return response

    async def _answer(self, forwarded: Forwarded) -> web.StreamResponse:
        request, identity = forwarded.request, forwarded.request_id
        response: web.StreamResponse
        try:
            response = await self._route(forwarded)
        except RefusedError as error:
            request[REFUSED] = error.refused
            response = refuse(request, error.refused, identity)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("bug")
            detail = "this is a bug; the log names its cause under this request id"
            response = refuse(request, Refused("internal_error", detail), identity)
        finish(request, response, identity)
        return response

    async def _route(self, forwarded: Forwarded) -> web.StreamResponse:
        request = forwarded.request
        self._check_origin(forwarded)
        if is_preflight(request):
            return preflight()
        if asks_for_page(request):
            return console_is_elsewhere(GATEWAY)
        check_transfer_coding(request)
        path = request[TARGET].partition("?")[0]
        if path in OWN:
            request[ROUTE] = (_one_of(request.method, ("GET", "HEAD")), path)
            return await self._own(path, forwarded)
        if (role := role_of(path)) is None:
            raise RefusedError(Refused("not_found", "there is no such route"))
        request[ROUTE] = (_one_of(request.method, METHODS), role)
        request[ABANDONABLE] = is_abandonable(path)
        takes_rows = is_row_stream(path)
        forwarded = msgspec.structs.replace(forwarded, role=role, takes_rows=takes_rows)
        return await self._forwarder.forward(forwarded, endless=takes_rows or path == STREAM)

    async def _own(self, path: str, forwarded: Forwarded) -> web.StreamResponse:
        """About the gateway itself. Its metrics are for clients to whom the catalog shows its own."""
        if path == "/health":
            return answer(Health(service=GATEWAY))
        if path == "/ready":
            found: GatewayReady = await ready(self._upstreams)
            return answer(found)
        if not self._metrics_open:
            of_catalog = msgspec.structs.replace(forwarded, role=CATALOG)
            refusal = await self._forwarder.allowed(of_catalog, "/metrics")
            if refusal is not None:
                return refusal
        return web.Response(body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    def _check_origin(self, forwarded: Forwarded) -> None:
        """Raises RefusedError: `foreign_host`, `foreign_origin`, `tls_required`."""
        request = forwarded.request
        headers, peer = request.headers, forwarded.peer
        if refused := foreign(request.method, request.raw_path, headers, self._site, peer):
            raise RefusedError(refused)
        if (origin := allowed_origin(headers, self._site)) is not None:
            request[ALLOWED_ORIGIN] = origin


def _one_of(method: str, methods: tuple[str, ...]) -> str:
    """The method. Raises RefusedError `method_not_allowed` (errors: {allow})."""
    if method in methods:
        return method
    detail = f"{method[:32]} is not allowed; use {' or '.join(methods)}"
    rows: tuple[dict[str, Json], ...] = tuple({"allow": each} for each in methods)
    raise RefusedError(Refused("method_not_allowed", detail, rows))


def _log(forwarded: Forwarded, status: int, took_s: float) -> None:
    request = forwarded.request
    path = request[TARGET].partition("?")[0]
    log.info(
        "request",
        method=request.method,
        path=path[:1024],
        role=role_of(path),
        status=status,
        ms=round(took_s * 1000, 1),
        client=forwarded.peer.address,
    )
