"""Handlers under /v1/catalog that concern views."""

from aiohttp import web

from lakehouse.api.catalog.definitions import PutViewRequest, ViewQuery
from lakehouse.api.lists.pages import PageAsOfQuery, page_of
from lakehouse.service.service import Service
from lakehouse.web.http import bodies
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import versioned


async def put(service: Service, exchange: Exchange) -> web.StreamResponse:
    """PUT /v1/catalog/view/{name}."""
    caller = exchange.caller()
    request, raw = await bodies.read_json(exchange, PutViewRequest)
    return versioned(await service.views.put(caller, exchange.name(), request, raw))


async def show(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/catalog/view/{name}."""
    query = exchange.query(ViewQuery)
    return versioned(await service.views.show(exchange.caller(), exchange.name(), query))


async def drop(service: Service, exchange: Exchange) -> web.StreamResponse:
    """DELETE /v1/catalog/view/{name}."""
    return versioned(await service.views.drop(exchange.caller(), exchange.name()))


async def list_views(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/catalog/views."""
    query = exchange.query(PageAsOfQuery)
    found = await service.views.list(exchange.caller(), ViewQuery(query.as_of))
    return versioned(page_of(found, "views", lambda view: view.name, query))
