"""Handlers under /v1/journal, and those that say how the process is."""

from aiohttp import web

from lakehouse.metrics import CONTENT_TYPE
from lakehouse.service import Service
from lakehouse.web.exchange import Exchange
from lakehouse.web.problems import answer, problem

DEFAULT_LIMIT = 1_000
MAX_LIMIT = 10_000


async def head(service: Service, _exchange: Exchange) -> web.StreamResponse:
    """GET /v1/journal/head."""
    return answer(service.journal.head(), service.node.state.head.seq)


async def events(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/journal/events."""
    listing = await service.journal.events(
        exchange.number("after", 0, 0, 2**53 - 1),
        exchange.number("limit", DEFAULT_LIMIT, 1, MAX_LIMIT),
        exchange.parameter("type"),
        exchange.parameter("dataset"),
    )
    return answer({"events": [*listing.rows], "next": listing.next}, listing.seq)


async def health(_service: Service, _exchange: Exchange) -> web.StreamResponse:
    """GET /health: touches nothing."""
    return answer({"status": "ok", "service": "lakehouse"})


async def metrics(service: Service, _exchange: Exchange) -> web.StreamResponse:
    """GET /metrics: Prometheus text."""
    return web.Response(body=service.metrics.text(), headers={"Content-Type": CONTENT_TYPE})


async def ready(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /ready: 200 when the journal is caught up and the bucket answers, else 503 with why."""
    refused = await service.readiness()
    if refused is not None:
        return problem(refused, exchange.request_id)
    return answer({"status": "ready", "seq": service.node.state.head.seq})
