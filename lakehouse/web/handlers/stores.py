"""Handlers under /v1/stores."""

from aiohttp import web

from lakehouse.api.lists.pages import PageQuery, page_of
from lakehouse.api.stores import CopyRequest, PutStoreRequest
from lakehouse.service.service import Service
from lakehouse.web.http import bodies
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import versioned


async def put(service: Service, exchange: Exchange) -> web.StreamResponse:
    """PUT /v1/stores/{id}."""
    caller, id_ = exchange.caller(), exchange.name()
    request, raw = await bodies.read_json(exchange, PutStoreRequest)
    return versioned(await service.stores.put(caller, id_, request, raw))


async def show(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/stores/{id}."""
    return versioned(await service.stores.show(exchange.caller(), exchange.name()))


async def drop(service: Service, exchange: Exchange) -> web.StreamResponse:
    """DELETE /v1/stores/{id}."""
    return versioned(await service.stores.drop(exchange.caller(), exchange.name()))


async def list_stores(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/stores."""
    query = exchange.query(PageQuery)
    found = await service.stores.list_all(exchange.caller())
    return versioned(page_of(found, "stores", lambda each: each.id, query))


async def doctor(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/stores/{id}/doctor."""
    return versioned(await service.stores.doctor(exchange.caller(), exchange.name()))


async def copy(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/stores/copy."""
    caller = exchange.caller()
    request, raw = await bodies.read_json(exchange, CopyRequest)
    return versioned(await service.copying.copy(caller, request, raw))


async def move(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/stores/move."""
    caller = exchange.caller()
    request, raw = await bodies.read_json(exchange, CopyRequest)
    return versioned(await service.copying.move(caller, request, raw))
