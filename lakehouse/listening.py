"""How a process listens: its socket, TLS, the limit of open files, spans, signals.

Owns what the servers of all roles share. Must load no part of the lake: the gateway has none.
"""

import asyncio
import contextlib
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from lakehouse.config import ConfigError, Settings
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.process.certificate import Certificate
from lakehouse.process.rotation import running
from lakehouse.secrets_file import load_secrets
from lakehouse.web.http.connections.peer import Site
from lakehouse.web.http.connections.server import ConnectionServer
from lakehouse.web.http.request_trace import Tracing

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


class Stop:
    """When the process is to end: at SIGTERM or SIGINT, or when a background task has failed."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(AcceptFaults(loop.time).handle)
        self.alive = True
        self._event = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._event.set)

    def failed(self) -> None:
        """End because a background task has."""
        self.alive = False
        self._event.set()

    async def wait(self) -> None:
        """Return when the process is to end."""
        await self._event.wait()


async def answer_until(
    stop: Stop,
    server: ConnectionServer,
    listening: socket.socket,
    certificate: Certificate | None,
    settings: Settings,
    **logged: str,
) -> None:
    """Accept connections for `server` until `stop`, then wait for the answers that have begun."""
    runner = web.ServerRunner(server, shutdown_timeout=settings.drain_s)
    await runner.setup()
    context = certificate.context if certificate is not None else None
    await ListeningSite(runner, listening, ssl_context=context, backlog=BACKLOG).start()
    host, port = listening.getsockname()[:2]
    log.info("listening", host=host, port=port, tls=certificate is not None, **logged)
    await stop.wait()
    log.info("draining")
    await runner.cleanup()


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
async def server_tls(
    settings: Settings, failed: Callable[[], None]
) -> AsyncIterator[Certificate | None]:
    """The certificate, its files watched; None without TLS.

    Raises ConfigError.
    """
    if settings.tls_cert is None or settings.tls_key is None:
        yield None
        return
    certificate = Certificate(Path(settings.tls_cert), Path(settings.tls_key))
    async with running(certificate.watch(), failed):
        yield certificate


@contextlib.asynccontextmanager
async def tracing_of(settings: Settings) -> AsyncIterator[Tracing | None]:
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
