"""Handlers of the process about itself: health, readiness, metrics."""

from aiohttp import web

from lakehouse.service.service import Service
from lakehouse.service.status import METRICS_TYPE
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import answer, versioned


async def health(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /health."""
    return answer(service.status.health(exchange.caller(), exchange.surface.service))


async def ready(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /ready: 200 if the process has read the journal and the bucket answers, else 503."""
    return versioned(await service.status.ready(exchange.caller()))


async def metrics(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /metrics."""
    body = service.status.metrics(exchange.caller())
    return web.Response(body=body, headers={"Content-Type": METRICS_TYPE})
