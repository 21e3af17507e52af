"""Serves HTTP: binds the port, opens the bucket, answers until a signal, drains, ends.

The port is bound first: when it is not available, nothing else has been started.
"""

import asyncio
import contextlib
import resource
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from lakehouse.config import LOOPBACK, ConfigError, Settings, load_secrets
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.process.certificate import Certificate
from lakehouse.process.rotation import running
from lakehouse.service.service import Service
from lakehouse.web.app import Edge
from lakehouse.web.http.peer import Site
from lakehouse.web.http.request_trace import Tracing
from lakehouse.wiring import service_of

BACKLOG = 512
HELD_BACK = 256
"""Open files that connections may not use: the journal's, the spool's, the store's, the workers'."""
HANDSHAKE_S = 10.0
"""For how long a TLS handshake may take; asyncio's own limit is a minute."""
FLUSH_S = 2.0
"""For how long a stop sends spans that are pending."""
ACCEPT_LOG_S = 10.0
_NO_FILES = "socket.accept() out of system resource"
"""asyncio's words, several hundred times a second while no file can be opened."""

log = structlog.get_logger()


def bind(settings: Settings) -> socket.socket:
    """A listening socket. Raises RefusedError `cannot_listen` when the address is not available."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        detail = f"{settings.host}:{settings.port}: {error.strerror}"
        raise RefusedError(Refused("cannot_listen", detail)) from error
    return listening


async def serve(settings: Settings, environ: Mapping[str, str], listening: socket.socket) -> bool:
    """Serve on a bound socket until SIGTERM or SIGINT. False when a background task has failed.

    Raises ConfigError, RefusedError (an unfit store) and faults.KNOWN when it cannot start.
    """
    stop, alive = asyncio.Event(), True

    def failed() -> None:
        nonlocal alive
        alive = False
        stop.set()

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(AcceptFaults(loop.time).handle)
    connections = min(settings.max_connections, connections_within(raise_file_limit()))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with contextlib.closing(listening):
        async with (
            _server_tls(settings, failed) as tls,
            _tracing(settings) as tracing,
            service_of(settings, environ, failed, probe=True) as service,
            _compacting(settings, service, failed),
        ):
            _check_protected(settings, service)
            edge = Edge(
                service,
                max_connections=connections,
                site=site_of(settings),
                metrics_open=settings.metrics_open,
                tracing=tracing,
            )
            runner = web.ServerRunner(edge, shutdown_timeout=settings.drain_s)
            await runner.setup()
            await ListeningSite(runner, listening, ssl_context=tls, backlog=BACKLOG).start()
            host, port = listening.getsockname()[:2]
            bucket = service.node.bucket.url
            log.info("listening", host=host, port=port, tls=tls is not None, bucket=bucket)
            await stop.wait()
            log.info("draining")
            await runner.cleanup()
    log.info("stopped")
    return alive


def site_of(settings: Settings) -> Site:
    """How the server may be reached, as the settings say."""
    public = settings.public_url.lower() if settings.public_url else None
    named = [*settings.allowed_hosts, *([public.partition("://")[2]] if public else [])]
    return Site(
        hosts=frozenset(host.lower() for host in named),
        origins=frozenset(origin.lower() for origin in settings.allowed_origins),
        public_origin=public,
        proxies=tuple(ip_network(network) for network in settings.behind_proxy),
        tls=settings.tls_cert is not None,
    )


class ListeningSite(web.SockSite):
    """aiohttp's site on a bound socket, with a shorter limit for TLS handshakes."""

    async def start(self) -> None:
        """Accept connections."""
        await web.BaseSite.start(self)
        server = self._runner.server
        if server is None:
            raise RuntimeError("the runner was not set up")
        self._server = await asyncio.get_running_loop().create_server(
            server,
            sock=self._sock,
            ssl=self._ssl_context,
            backlog=self._backlog,
            ssl_handshake_timeout=HANDSHAKE_S if self._ssl_context else None,
        )


@contextlib.asynccontextmanager
async def _compacting(
    settings: Settings, service: Service, failed: Callable[[], None]
) -> AsyncIterator[None]:
    """Datasets are compacted in the background while the context lasts, unless that is off."""
    if settings.compact_objects == 0:
        yield
        return
    async with running(service.compact_in_background(), failed):
        yield


@contextlib.asynccontextmanager
async def _server_tls(
    settings: Settings, failed: Callable[[], None]
) -> AsyncIterator[ssl.SSLContext | None]:
    """The context of the listening socket, its certificate watched; None without TLS.

    Raises ConfigError.
    """
    if settings.tls_cert is None or settings.tls_key is None:
        yield None
        return
    certificate = Certificate(Path(settings.tls_cert), Path(settings.tls_key))
    async with running(certificate.watch(), failed):
        yield certificate.context


@contextlib.asynccontextmanager
async def _tracing(settings: Settings) -> AsyncIterator[Tracing | None]:
    """What records spans; None without a collector. Raises ConfigError."""
    if settings.otlp_endpoint is None:
        yield None
        return
    given = load_secrets(settings).get("otlp_headers")
    headers = given.split(",") if given is not None else settings.otlp_headers
    pairs = [header.partition("=") for header in headers]
    try:
        from lakehouse.process.otlp import to_collector  # an extra; slow to import
    except ImportError as error:
        detail = "it needs OpenTelemetry; install lakehouse[otlp]"
        raise ConfigError(f"otlp_endpoint: {detail}") from error
    tracing = to_collector(
        settings.otlp_endpoint, {name.strip(): value.strip() for name, _, value in pairs}
    )
    try:
        yield tracing
    finally:
        await asyncio.to_thread(tracing.close, FLUSH_S)


def _check_protected(settings: Settings, service: Service) -> None:
    """Refuse to serve an open lake to other machines. Raises ConfigError."""
    if settings.host not in LOOPBACK and service.authentication.is_open():
        detail = "the lake has no principal, so that anyone could read and change it"
        raise ConfigError(f"host {settings.host!r}: {detail}; listen on 127.0.0.1")


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one. Returns the limit that holds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def connections_within(files: int) -> int:
    """How many connections a limit of open files allows: half of it, or all but HELD_BACK."""
    if files == resource.RLIM_INFINITY:
        return 2**31
    return max(files - HELD_BACK, files // 2)


class AcceptFaults:
    """Logs that no connection can be accepted, once in ACCEPT_LOG_S; any other fault as usual."""

    def __init__(self, time_s: Callable[[], float]) -> None:
        self._time_s = time_s
        self._logged_s = float("-inf")
        self._unlogged = 0

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The event loop's exception handler."""
        if context.get("message") != _NO_FILES:
            loop.default_exception_handler(context)
            return
        self._unlogged += 1
        if self._time_s() - self._logged_s >= ACCEPT_LOG_S:
            log.error("cannot_accept", fault=str(context.get("exception")), times=self._unlogged)
            self._logged_s, self._unlogged = self._time_s(), 0
