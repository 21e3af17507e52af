"""Serves HTTP: binds the port, opens the bucket, answers until a signal, drains, ends.

The port is bound first: when it is not available, nothing else has been started.
"""

import asyncio
import contextlib
import resource
import signal
import socket
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from aiohttp import web

from lakehouse.config import Settings
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.web.app import Edge
from lakehouse.wiring import service_of

BACKLOG = 512
HELD_BACK = 256
"""Open files that connections may not use: the journal's, the spool's, the store's, the workers'."""
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
        async with service_of(settings, environ, failed, probe=True) as service:
            edge = Edge(service, max_connections=connections)
            runner = web.ServerRunner(edge, shutdown_timeout=settings.drain_s)
            await runner.setup()
            await web.SockSite(runner, listening, backlog=BACKLOG).start()
            host, port = listening.getsockname()[:2]
            log.info("listening", host=host, port=port, bucket=service.node.bucket.url)
            await stop.wait()
            log.info("draining")
            await runner.cleanup()
    log.info("stopped")
    return alive


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
