"""Serves Flight SQL beside HTTP: starts with it, and drains when the process is to end.

Owns the server's life. Must never outlast the service: when this returns, no RPC is being answered.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pyarrow as pa
import structlog

from lakehouse.config import ConfigError, Settings
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.flight.bridge import Bridge
from lakehouse.flight.calls import Calls
from lakehouse.flight.connections import abort_all
from lakehouse.flight.exchange import Exchanges
from lakehouse.flight.server import FlightServer
from lakehouse.service.service import Service
from lakehouse.web.http.peer import Site
from lakehouse.web.http.request_trace import Tracing

ABORT_S = 0.5
"""How long a shutdown waits for RPCs that have ended before it closes their connections."""

log = structlog.get_logger()


class Serving:
    """A running server."""

    def __init__(
        self, server: FlightServer, bridge: Bridge, exchanges: Exchanges, drain_s: float
    ) -> None:
        self._server = server
        self._bridge = bridge
        self._exchanges = exchanges
        self._drain_s = drain_s
        self._stopping: asyncio.Task[None] | None = None
        self.port: int = server.port

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

    async def _stop(self) -> None:
        self._bridge.close()
        await self._exchanges.drain(self._drain_s)
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        threading.Thread(
            target=self._shut_down, args=(loop, ended), name="flight-shutdown", daemon=True
        ).start()
        while not ended.is_set():
            try:
                async with asyncio.timeout(ABORT_S):
                    await ended.wait()
            except TimeoutError:
                # A client that takes nothing holds its RPC, and with it the shutdown.
                abort_all(self.port)

    def _shut_down(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
        """Blocks until every RPC has ended."""
        self._server.shutdown()
        loop.call_soon_threadsafe(ended.set)


@asynccontextmanager
async def serving_flight(
    settings: Settings, service: Service, site: Site, tracing: Tracing | None
) -> AsyncIterator[Serving]:
    """Answer on `flight_port` of the settings' host while the context lasts, and drain at its end.

    Raises RefusedError `cannot_listen`, and ConfigError for a certificate that cannot be read.
    """
    bridge = Bridge(asyncio.get_running_loop())
    exchanges = Exchanges(service, site, tracing)
    address = (settings.host, settings.flight_port or 0)
    try:
        server = FlightServer(bridge, Calls(service, exchanges), address, _certificate(settings))
    except pa.ArrowException as error:
        detail = f"{settings.host}:{settings.flight_port}: gRPC cannot listen there"
        raise RefusedError(Refused("cannot_listen", detail)) from error
    serving = Serving(server, bridge, exchanges, settings.drain_s)
    log.info("listening", host=settings.host, port=serving.port, door="flight")
    try:
        yield serving
    finally:
        await serving.stop()


def _certificate(settings: Settings) -> tuple[bytes, bytes] | None:
    """The certificate and its key, read once: gRPC takes them when it starts."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    try:
        return Path(settings.tls_cert).read_bytes(), Path(settings.tls_key).read_bytes()
    except OSError as error:
        raise ConfigError(f"tls_cert, tls_key: {error.strerror}") from error
