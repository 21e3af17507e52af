"""Handlers under /v1/journal, and those that say how the process is."""

import asyncio

from aiohttp import web

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.metrics import CONTENT_TYPE
from lakehouse.service.feed import Subscription
from lakehouse.service.service import Service
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import answer, problem

DEFAULT_LIMIT = 1_000
MAX_LIMIT = 10_000
EVENTS = "text/event-stream"
STALLED_S = 30.0


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


async def stream(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/journal/stream: server-sent events, until the client leaves or is too slow."""
    wish = Subscription(
        _resume_after(exchange), exchange.parameter("type"), exchange.parameter("dataset")
    )
    seq = service.node.state.head.seq
    headers = {"Content-Type": EVENTS, "Cache-Control": "no-store", "X-Journal-Seq": str(seq)}
    response = web.StreamResponse(headers=headers)
    with service.feed.gate.slot():
        await exchange.begin(response)
        if exchange.request.method == "HEAD":
            return response
        await response.write(b"retry: 1000\n\n")
        async for piece in service.feed.listen(wish):
            if piece:
                await _write(exchange, response, piece)
    return response


def _resume_after(exchange: Exchange) -> int:
    """Where to go on: what a client that was cut off has seen, else the parameter, else the beginning."""
    text = exchange.header("Last-Event-ID")
    if not text:
        return exchange.number("after", 0, 0, 2**53 - 1)
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise RefusedError(Refused("invalid_request", "Last-Event-ID is an event's number"))
    return int(text)


async def _write(exchange: Exchange, response: web.StreamResponse, piece: bytes) -> None:
    """A client that takes nothing for so long is cut off: the end cannot be told to it."""
    try:
        async with asyncio.timeout(STALLED_S):
            await response.write(piece)
    except TimeoutError as error:
        if exchange.request.transport is not None:
            exchange.request.transport.abort()
        raise ConnectionResetError("a listener stands still") from error


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
