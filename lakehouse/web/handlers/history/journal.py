"""Handlers under /v1/journal: the head, and events as pages and as a stream."""

import asyncio

import msgspec
from aiohttp import web

from lakehouse.api.history.journal import ListEventsQuery, StreamEventsHeaders, StreamEventsQuery
from lakehouse.service.service import Service
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import versioned

EVENTS = "text/event-stream"
STALLED_S = 30.0


async def head(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/journal/head."""
    return versioned(service.journal.head(exchange.caller()))


async def events(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/journal/events."""
    query = exchange.query(ListEventsQuery)
    if query.format == "ocsf":
        return versioned(await service.journal.ocsf_events(exchange.caller(), query))
    return versioned(await service.journal.events(exchange.caller(), query))


async def stream(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/journal/stream: server-sent events, until the client leaves or is too slow."""
    caller, query = exchange.caller(), exchange.query(StreamEventsQuery)
    last = exchange.headers(StreamEventsHeaders).last_event_id
    if last is not None:
        query = msgspec.structs.replace(query, after=last)
    seq = service.journal.head(caller).seq
    headers = {"Content-Type": EVENTS, "Cache-Control": "no-store", "X-Journal-Seq": str(seq)}
    response = web.StreamResponse(headers=headers)
    with service.feed.gate.slot():
        await exchange.begin(response)
        if exchange.request.method == "HEAD":
            return response
        await response.write(b"retry: 1000\n\n")
        async for piece in service.feed.listen(caller, query):
            if piece:
                await _write(exchange, response, piece)
    return response


async def _write(exchange: Exchange, response: web.StreamResponse, piece: bytes) -> None:
    """Send a piece.

    A client that reads nothing for STALLED_S is disconnected without a last message.
    """
    try:
        async with asyncio.timeout(STALLED_S):
            await response.write(piece)
    except TimeoutError as error:
        if exchange.request.transport is not None:
            exchange.request.transport.abort()
        raise ConnectionResetError("the client of a stream does not read") from error
