"""Serves a lake over HTTP: opens the bucket, answers until a signal, drains, ends.

The socket is bound before, by the caller: when it is not available, nothing else has been started.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

import structlog

from journal.threads import in_thread
from lakehouse.config import LOOPBACK, ConfigError, Settings
from lakehouse.console.rendering import prepare, template_names
from lakehouse.listening import (
    Stop,
    answer_until,
    connections_within,
    raise_file_limit,
    server_tls,
    site_of,
    tracing_of,
)
from lakehouse.process.certificate import Certificate
from lakehouse.process.rotation import running
from lakehouse.roles import ALL, CATALOG, STORAGE
from lakehouse.service.service import Service
from lakehouse.web.app import Edge
from lakehouse.web.http.request_trace import Tracing
from lakehouse.wiring import service_of

log = structlog.get_logger()
PREPARE_AFTER_S, PAUSE_S = 10.0, 0.2
"""Between two templates of the console."""


async def serve(settings: Settings, environ: Mapping[str, str], listening: socket.socket) -> bool:
    """Serve on a bound socket until SIGTERM or SIGINT. False when a background task has failed.

    Raises ConfigError, RefusedError (an unfit store) and faults.KNOWN when it cannot start.
    """
    stop = Stop()
    connections = min(settings.max_connections, connections_within(raise_file_limit()))
    with contextlib.closing(listening):
        async with (
            server_tls(settings, stop.failed) as certificate,
            tracing_of(settings) as tracing,
            service_of(
                settings,
                environ,
                stop.failed,
                queries=settings.role != STORAGE,
                probe=True,
            ) as service,
            _compacting(settings, service, stop.failed),
            _watching(settings, service, stop.failed),
        ):
            _check_protected(settings, service)
            edge = Edge(
                service,
                max_connections=connections,
                site=site_of(settings),
                role=settings.role,
                metrics_open=settings.metrics_open,
                tracing=tracing,
            )
            bucket = service.node.bucket.url
            flight = _flight(stop, settings, service, tracing, certificate)
            async with flight, _console_prepared(settings):
                await answer_until(
                    stop, edge, listening, certificate, settings, role=settings.role, bucket=bucket
                )
    log.info("stopped")
    return stop.alive


@contextlib.asynccontextmanager
async def _compacting(
    settings: Settings, service: Service, failed: Callable[[], None]
) -> AsyncIterator[None]:
    """Datasets are compacted in the background while the context lasts, unless that is off.

    Of several roles, the catalog does it.
    """
    if settings.compact_objects == 0 or settings.role not in (ALL, CATALOG):
        yield
        return
    async with running(service.compact_in_background(), failed):
        yield


@contextlib.asynccontextmanager
async def _watching(
    settings: Settings, service: Service, failed: Callable[[], None]
) -> AsyncIterator[None]:
    """Sources are watched while the context lasts. Of several roles, the catalog does it: it shows
    what it has seen."""
    if settings.role not in (ALL, CATALOG):
        yield
        return
    async with running(service.watch_sources(), failed):
        yield


@contextlib.asynccontextmanager
async def _console_prepared(settings: Settings) -> AsyncIterator[None]:
    """The console's templates are compiled beside the first requests, where the process has a console."""
    if settings.role != ALL:
        yield
        return
    preparing = asyncio.create_task(_prepare_console())
    try:
        yield
    finally:
        preparing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await preparing


async def _prepare_console() -> None:
    """Compile the templates once the first requests have come, and with pauses: all at once hold the
    interpreter's lock for a quarter of a second, for which requests would wait."""
    await asyncio.sleep(PREPARE_AFTER_S)
    for name in template_names():
        await in_thread(None, partial(prepare, name))
        await asyncio.sleep(PAUSE_S)


@contextlib.asynccontextmanager
async def _flight(
    stop: Stop,
    settings: Settings,
    service: Service,
    tracing: Tracing | None,
    certificate: Certificate | None,
) -> AsyncIterator[None]:
    """Flight SQL is answered while the context lasts, or until `stop`, unless it is off."""
    if settings.flight_port is None:
        yield
        return
    from lakehouse.flight.serving import serving_flight  # loads gRPC: 20 MB that most need not

    site = site_of(settings)
    async with serving_flight(
        settings, service, site, tracing, certificate, stop.failed
    ) as serving:
        # With HTTP, not after it: both have `drain_s` together.
        draining = asyncio.create_task(serving.stop_after(stop.wait()))
        try:
            yield
        finally:
            draining.cancel()


def _check_protected(settings: Settings, service: Service) -> None:
    """Refuse to serve an open lake to other machines. Raises ConfigError."""
    if settings.host not in LOOPBACK and service.authentication.is_open():
        detail = "the lake has no principal, so that anyone could read and change it"
        raise ConfigError(f"host {settings.host!r}: {detail}; listen on 127.0.0.1")
