"""Serves HTTP: binds the port, opens the bucket, answers until a signal, drains, ends.

The port is bound first: when it is not available, nothing else has been started.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Mapping

import structlog
from aiohttp import web

from lakehouse.config import Settings
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.web.app import Edge
from lakehouse.wiring import service_of

BACKLOG = 512

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
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with contextlib.closing(listening):
        async with service_of(settings, environ, failed, probe=True) as service:
            runner = web.ServerRunner(Edge(service), shutdown_timeout=settings.drain_s)
            await runner.setup()
            await web.SockSite(runner, listening, backlog=BACKLOG).start()
            host, port = listening.getsockname()[:2]
            log.info("listening", host=host, port=port, bucket=service.node.bucket.url)
            await stop.wait()
            log.info("draining")
            await runner.cleanup()
    log.info("stopped")
    return alive
