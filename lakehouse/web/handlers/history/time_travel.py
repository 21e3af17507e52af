"""Handlers of differences, pins and undo."""

from aiohttp import web

from lakehouse.api.history.time_travel import DiffQuery, PinRequest, UndoRequest, UnpinRequest
from lakehouse.api.lists.pages import PageQuery, page_of
from lakehouse.service.service import Service
from lakehouse.web.http import bodies
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import versioned


async def pin(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/catalog/pin."""
    caller = exchange.caller()
    request, raw = await bodies.read_json(exchange, PinRequest)
    return versioned(await service.time_travel.pin(caller, request, raw))


async def unpin(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/catalog/unpin."""
    caller = exchange.caller()
    request, raw = await bodies.read_json(exchange, UnpinRequest)
    return versioned(await service.time_travel.unpin(caller, request, raw))


async def pins(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/catalog/pins."""
    query = exchange.query(PageQuery)
    found = await service.time_travel.pins(exchange.caller())
    return versioned(page_of(found, "pins", lambda pin: f"{pin.seq:016}", query))


async def diff(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/catalog/diff."""
    query = exchange.query(DiffQuery)
    return versioned(await service.time_travel.diff(exchange.caller(), query))


async def undo(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/journal/undo."""
    caller = exchange.caller()
    request, raw = await bodies.read_json(exchange, UndoRequest)
    return versioned(await service.time_travel.undo(caller, request, raw))
