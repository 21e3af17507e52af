"""The entry point of HTTP: every request and every answer passes here once.

One function maps every error; one place sets the headers of every answer. aiohttp's application layer
is not used: its router decodes and normalises paths before they can be checked, and it answers
`Expect: 100-continue` before anything is checked.
"""

import asyncio
import time

import structlog
from aiohttp import web

from journal.clock import Clock
from lakehouse.console.sessions import Session, Sessions
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.roles import ALL
from lakehouse.service.access.authentication import HOLDER, Identity
from lakehouse.service.access.quotas import CONNECTIONS
from lakehouse.service.service import FAULTS, Service
from lakehouse.web.browser.cookies import SCHEME, SESSION, session_of
from lakehouse.web.browser.elsewhere import asks_for_page, console_is_elsewhere
from lakehouse.web.browser.page_problem import PAGE_PROBLEM
from lakehouse.web.browser.visits import (
    VISITS,
    Visits,
    is_page,
    page_problem,
    to_console,
)
from lakehouse.web.http.attempts import MAX_FAILED, WINDOW_S, Attempts
from lakehouse.web.http.audit_entry import IDENTITY, MATCHED, entry_of, is_audited_read
from lakehouse.web.http.bodies import check_transfer_coding
from lakehouse.web.http.connections.connection import ABANDONABLE, VERSIONS, unreadable
from lakehouse.web.http.connections.pace import PACE, Pace
from lakehouse.web.http.connections.peer import LOOPBACK_SITE, Peer, Site
from lakehouse.web.http.connections.server import (
    DEFAULT_CONNECTIONS,
    ConnectionServer,
    peer_of_request,
)
from lakehouse.web.http.cors import ALLOWED_ORIGIN, is_preflight, preflight
from lakehouse.web.http.encoding import encoded
from lakehouse.web.http.exchange import (
    COUNTED_BYTES,
    TARGET,
    Exchange,
    finish,
    name_query,
    request_id,
)
from lakehouse.web.http.origin import allowed_origin, foreign
from lakehouse.web.http.problems import REFUSED, refuse
from lakehouse.web.http.request_trace import Tracing, finish_span, traced
from lakehouse.web.router import Surface

ROUTE = web.RequestKey("ROUTE", tuple)
"""Set on a request that matched a route: the route's method and path."""
PEER = web.RequestKey("PEER", Peer)
"""Set on every request: the client behind the connection."""
METRICS = "/metrics"
UNROUTED = ("other", "none")

log = structlog.get_logger()


class Edge(ConnectionServer):
    """The service over HTTP."""

    def __init__(
        self,
        service: Service,
        clock: Clock | None = None,
        max_connections: int = DEFAULT_CONNECTIONS,
        site: Site = LOOPBACK_SITE,
        *,
        role: str = ALL,
        metrics_open: bool = False,
        tracing: Tracing | None = None,
        holds_bucket: bool = False,
    ) -> None:
        """`clock` is the service's own; a test passes another for the pace of clients alone.

        `metrics_open`: whether the metrics need no token in a lake that has principals.
        `holds_bucket`: every request is of the program that opened the bucket, and needs no token.
        """
        clock = clock or service.clock
        super().__init__(self.handle, max_connections, clock)
        self._service = service
        self._clock = clock
        self._surface = Surface(role)
        self._site = site
        self._tracing = tracing
        self._attempts = Attempts()
        self._metrics_open = metrics_open
        self._holds_bucket = holds_bucket
        self._visits = Visits(service, Sessions(service.session_key, clock))

    def pre_shutdown(self) -> None:
        """End streams before connections are waited for: they would never end by themselves."""
        self._service.feed.close()
        self._service.streams.close()
        super().pre_shutdown()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        started_s = time.monotonic()
        if request.version not in VERSIONS:
            raise unreadable(request)
        identity = request_id(request.headers)
        status, seq = 499, None
        pace = request[PACE] = Pace(request, self._clock)
        request[PEER] = peer_of_request(self._site, request)
        request[SCHEME] = request[PEER].scheme
        request[TARGET] = self._surface.target(request.raw_path)
        with traced(request, identity, self._tracing) as span:
            try:
                response = await self._answer(request, identity)
                status, seq = response.status, response.headers.get("X-Journal-Seq")
            finally:
                pace.end()
                if span is not None:
                    route = request.get(ROUTE, UNROUTED)
                    finish_span(span, request, identity, route, status, request[PEER])
                self._account(request, identity, status, seq, started_s)
        return response

    async def _answer(self, request: web.BaseRequest, identity: str) -> web.StreamResponse:
        response: web.StreamResponse
        name_query(request, chosen_by_client=self._service.authentication.is_open())
        try:
            response = await encoded(request, await self._route(request, identity))
        except RefusedError as error:
            response = refuse(request, self._limited(request, error.refused), identity)
        except FAULTS as error:
            log.warning("fault", kind=type(error).__name__, detail=str(error))
            response = refuse(request, self._service.failure(error), identity)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("bug")
            detail = "this is a bug; the log names its cause under this request id"
            response = refuse(request, Refused("internal_error", detail), identity)
        finish(request, response, identity)
        return response

    async def _route(self, request: web.BaseRequest, identity: str) -> web.StreamResponse:
        self._check_origin(request)
        if is_preflight(request):
            return preflight()
        if asks_for_page(request):
            surface = self._surface
            return to_console() if surface.is_whole else console_is_elsewhere(surface.service)
        check_transfer_coding(request)
        request[VISITS] = self._visits
        if is_page(request):
            request[PAGE_PROBLEM] = page_problem
        is_browser = is_page(request) or "Cookie" in request.headers
        if is_browser and not self._service.authentication.is_open():
            await self._visits.sessions.load()
        exchange = Exchange(request, identity, self._service.clock.monotonic(), self._surface)
        route = exchange.route
        request[ROUTE] = (route.method, route.path)
        request[MATCHED] = (route, exchange.tail)
        if not route.public and not (self._metrics_open and route.path == METRICS):
            exchange.identity = await self._identity(exchange)
            request[IDENTITY] = exchange.identity
            if not route.judged:
                self._service.authentication.require_admin(exchange.caller())
        exchange.check_parameters()
        request[ABANDONABLE] = route.abandonable
        if is_audited_read(route) and (refused := self._service.audit.read_refusal()):
            raise RefusedError(refused)
        if (seq := exchange.min_seq()) is not None:
            await self._service.journal.wait_for(seq)
        limited = exchange.identity.principal and self._service.quotas.has_limits(exchange.caller())
        if limited:
            return await self._within_limits(exchange)
        return await route.handler(self._service, exchange)

    async def _identity(self, exchange: Exchange) -> Identity:
        if self._holds_bucket:
            return HOLDER
        request = exchange.request
        authorization = request.headers.getall("Authorization", [])
        session = None if authorization else self._session(request)
        if session is not None:
            found = self._service.authentication.resume(
                session.principal, session.token_id, session.signed_until, session.seq
            )
            request[SESSION] = session
            return found
        return await self._service.authentication.identify(authorization)

    def _session(self, request: web.BaseRequest) -> Session | None:
        return session_of(request, self._visits.sessions, is_page=is_page(request))

    async def _within_limits(self, exchange: Exchange) -> web.StreamResponse:
        """The answer to a principal, as far as its limits allow one."""
        caller, request = exchange.caller(), exchange.request
        self._service.quotas.check_bytes(caller)
        with self._service.quotas.use(caller, CONNECTIONS):
            sent = 0
            try:
                response = await exchange.route.handler(self._service, exchange)
                if isinstance(response, web.Response) and isinstance(response.body, bytes):
                    sent = len(response.body)
                return response
            finally:
                moved = request.content.total_bytes + request.writer.output_size + sent
                counted = request.get(COUNTED_BYTES, 0)
                self._service.quotas.count_bytes(caller, max(0, moved - counted))

    def _limited(self, request: web.BaseRequest, refused: Refused) -> Refused:
        """`refused`, or `too_many_attempts` where the client's address has failed too often.

        The first of a minute goes into the audit; later ones are counted by the metrics alone.
        """
        request[REFUSED] = refused
        if refused.code != "unauthenticated":
            return refused
        count = self._attempts.failed(request[PEER].address, self._clock.monotonic())
        if count <= MAX_FAILED:
            return refused
        if count > MAX_FAILED + 1:
            del request[REFUSED]
        detail = f"more than {MAX_FAILED:,} failed attempts of this address within a minute"
        return Refused("too_many_attempts", detail, retry_after_s=round(WINDOW_S))

    def _account(
        self,
        request: web.BaseRequest,
        identity: str,
        status: int,
        seq: str | None,
        started_s: float,
    ) -> None:
        """Put an answered request into the metrics, the audit and the log."""
        took_s = time.monotonic() - started_s
        method, route = request.get(ROUTE, UNROUTED)
        self._service.metrics.answered(method, route, status, took_s)
        audit = self._service.audit
        entry = entry_of(request, request[PEER], identity, status, seq, audit.hides)
        if entry is not None:
            audit.record(entry)
        log.info(
            "request",
            method=request.method,
            path=request.raw_path.partition("?")[0][:1024],
            status=status,
            ms=round(took_s * 1000, 1),
            client=request[PEER].address,
        )

    def _check_origin(self, request: web.BaseRequest) -> None:
        """Raises RefusedError: `foreign_host`, `foreign_origin`, `tls_required`."""
        headers, peer = request.headers, request[PEER]
        if refused := foreign(request.method, request[TARGET], headers, self._site, peer):
            raise RefusedError(refused)
        if (origin := allowed_origin(headers, self._site)) is not None:
            request[ALLOWED_ORIGIN] = origin
