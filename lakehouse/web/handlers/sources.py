"""Handlers under /v1/sources."""

from aiohttp import web

from lakehouse.api.lists.pages import PageQuery, page_of
from lakehouse.api.sources import PutSourceRequest, RunSourceRequest
from lakehouse.service.service import Service
from lakehouse.web.http import bodies
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import versioned


async def put(service: Service, exchange: Exchange) -> web.StreamResponse:
    """PUT /v1/sources/{name}."""
    caller = exchange.caller()
    request, raw = await bodies.read_json(exchange, PutSourceRequest)
    return versioned(await service.sources.put(caller, exchange.name(), request, raw))


async def show(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/sources/{name}."""
    return versioned(await service.sources.show(exchange.caller(), exchange.name()))


async def drop(service: Service, exchange: Exchange) -> web.StreamResponse:
    """DELETE /v1/sources/{name}."""
    return versioned(await service.sources.drop(exchange.caller(), exchange.name()))


async def list_sources(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/sources."""
    query = exchange.query(PageQuery)
    found = await service.sources.list(exchange.caller())
    return versioned(page_of(found, "sources", lambda source: source.name, query))


async def run(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/sources/{name}/run; without a body it looks once."""
    caller, request = exchange.caller(), RunSourceRequest()
    if exchange.request.can_read_body:
        request, _ = await bodies.read_json(exchange, RunSourceRequest)
    return versioned(await service.sources.run(caller, exchange.name(), request))
