"""Serves the gateway: answers until a signal, drains, ends. Must load no part of the lake."""

import contextlib
import socket

import structlog

from lakehouse.config import LOOPBACK, ConfigError, Settings
from lakehouse.gateway.app import Gateway
from lakehouse.gateway.readiness import protects
from lakehouse.gateway.upstreams import Upstreams
from lakehouse.listening import (
    Stop,
    answer_until,
    connections_within,
    raise_file_limit,
    server_tls,
    site_of,
    tracing_of,
)
from lakehouse.roles import GATEWAY, ROLES

log = structlog.get_logger()


async def serve_gateway(settings: Settings, listening: socket.socket) -> bool:
    """Serve on a bound socket until SIGTERM or SIGINT. False when a background task has failed.

    Raises ConfigError, and RefusedError `upstream_unavailable` when it is to listen beyond loopback and
    cannot find out whether the lake is open.
    """
    stop = Stop()
    # A request may have a connection on each side.
    connections = min(settings.max_connections, connections_within(raise_file_limit()) // 2)
    with contextlib.closing(listening):
        async with (
            server_tls(settings, stop.failed) as certificate,
            tracing_of(settings) as tracing,
            Upstreams({role: settings.upstreams.urls(role) for role in ROLES}) as upstreams,
        ):
            if settings.host not in LOOPBACK and not await protects(upstreams):
                detail = "the lake has no principal, so that anyone could read and change it"
                raise ConfigError(f"host {settings.host!r}: {detail}; listen on 127.0.0.1")
            gateway = Gateway(
                upstreams,
                connections,
                site_of(settings),
                metrics_open=settings.metrics_open,
                tracing=tracing,
            )
            await answer_until(stop, gateway, listening, certificate, settings, role=GATEWAY)
    log.info("stopped")
    return stop.alive
