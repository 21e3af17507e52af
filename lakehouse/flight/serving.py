"""Serves Flight SQL beside HTTP: starts with it, and drains when the process is to end.

Owns the server's life, and its replacement when the certificate changes. Must never outlast the service:
when this returns, no RPC is being answered.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import pyarrow as pa
import structlog

from lakehouse.config import ConfigError, Settings
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.flight.bridge import Bridge
from lakehouse.flight.calls import Calls
from lakehouse.flight.connections import abort_all
from lakehouse.flight.exchange import Exchanges
from lakehouse.flight.server import FlightServer
from lakehouse.process.certificate import REFRESH_S, Certificate
from lakehouse.process.rotation import running
from lakehouse.service.service import Service
from lakehouse.web.http.connections.peer import Site
from lakehouse.web.http.request_trace import Tracing

ABORT_S = 0.5
"""How long a shutdown waits for RPCs that have ended before it closes their connections."""
FREE_S = 0.005
"""How often a port is tried that the server before is about to leave."""

Pair = tuple[bytes, bytes]
"""A certificate and its key, in PEM."""
Start = Callable[[int, Pair | None], FlightServer]
"""Starts a server on a port, 0 for any. Raises what pyarrow raises where it cannot listen."""

log = structlog.get_logger()


class Serving:
    """A running server."""

    def __init__(
        self,
        start: Start,
        server: FlightServer,
        bridge: Bridge,
        exchanges: Exchanges,
        settings: Settings,
    ) -> None:
        self._start = start
        self._server: FlightServer | None = server
        self._bridge = bridge
        self._exchanges = exchanges
        self._host = settings.host
        self._drain_s = settings.drain_s
        self._shutdowns: set[asyncio.Event] = set()
        """Of the servers that still answer the RPCs that they have begun."""
        self._stopping: asyncio.Task[None] | None = None
        self.port: int = server.port

    async def follow(self, certificate: Certificate, renewed: asyncio.Event) -> None:
        """Serve with the pair of `certificate` each time `renewed` is set, until cancelled."""
        while True:
            await renewed.wait()
            renewed.clear()
            await self._renew(await _pair_in_use(certificate))

    async def stop_after(self, waiting: Coroutine[None, None, None]) -> None:
        """Stop once `waiting` has returned."""
        await waiting
        await self.stop()

    async def stop(self) -> None:
        """Refuse new calls, wait for those that run, at most `drain_s`, and cut off the rest.

        May be called again: all calls return when it has stopped.
        """
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def _renew(self, pair: Pair) -> None:
        """Replace the server by one with another certificate.

        gRPC reads a certificate only when it starts. The old server stops listening at once and
        answers the RPCs that it has begun; its clients connect again for their next ones.
        """
        self._leave()
        while self._stopping is None:
            if _is_free(self._host, self.port):
                # Another process may be faster; then the port is tried again.
                with contextlib.suppress(pa.ArrowException):
                    self._server = self._start(self.port, pair)
                    log.info("certificate_renewed", door="flight")
                    return
            await asyncio.sleep(FREE_S)

    async def _stop(self) -> None:
        self._bridge.close()
        await self._exchanges.drain(self._drain_s)
        self._leave()
        for ended in self._shutdowns:
            while not ended.is_set():
                try:
                    async with asyncio.timeout(ABORT_S):
                        await ended.wait()
                except TimeoutError:
                    # A client that takes nothing holds its RPC, and with it the shutdown.
                    abort_all(self.port)

    def _leave(self) -> None:
        """Stop listening. RPCs that have begun go on; `_shutdowns` has the event of their end."""
        server, self._server = self._server, None
        if server is None:
            return
        self._shutdowns = {each for each in self._shutdowns if not each.is_set()}
        ended = asyncio.Event()
        self._shutdowns.add(ended)
        loop = asyncio.get_running_loop()
        threading.Thread(
            target=_shut_down, args=(server, loop, ended), name="flight-shutdown", daemon=True
        ).start()


@asynccontextmanager
async def serving_flight(
    settings: Settings,
    service: Service,
    site: Site,
    tracing: Tracing | None,
    certificate: Certificate | None,
    failed: Callable[[], None],
) -> AsyncIterator[Serving]:
    """Answer on `flight_port` of the settings' host while the context lasts, and drain at its end.

    `failed` is called when the watch over the certificate's files ends. Raises RefusedError
    `cannot_listen`, and ConfigError for a certificate that cannot be read.
    """
    bridge = Bridge(asyncio.get_running_loop())
    exchanges = Exchanges(service, site, tracing)
    calls = Calls(service, exchanges)
    renewed = asyncio.Event()

    def start(port: int, pair: Pair | None) -> FlightServer:
        return FlightServer(bridge, calls, (settings.host, port), pair)

    pair = None
    if certificate is not None:
        certificate.on_renewed = renewed.set
        pair = certificate.pair()
    try:
        server = start(settings.flight_port or 0, pair)
    except pa.ArrowException as error:
        detail = f"{settings.host}:{settings.flight_port}: gRPC cannot listen there"
        raise RefusedError(Refused("cannot_listen", detail)) from error
    serving = Serving(start, server, bridge, exchanges, settings)
    log.info("listening", host=settings.host, port=serving.port, door="flight")
    try:
        if certificate is None:
            yield serving
        else:
            async with running(serving.follow(certificate, renewed), failed):
                yield serving
    finally:
        await serving.stop()


async def _pair_in_use(certificate: Certificate) -> Pair:
    """The pair once its files hold it: they may be written again meanwhile."""
    while True:
        try:
            return await asyncio.to_thread(certificate.pair)
        except ConfigError:
            await asyncio.sleep(REFRESH_S)


def _is_free(host: str, port: int) -> bool:
    """Whether no socket listens there. gRPC itself would write to stderr where one does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _shut_down(server: FlightServer, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """Blocks until every RPC of the server has ended."""
    server.shutdown()
    loop.call_soon_threadsafe(ended.set)
