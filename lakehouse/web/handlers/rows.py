"""Handlers under /v1/catalog that change single rows."""

from aiohttp import web

from lakehouse.api.rows import DeleteRequest, UpdateRequest
from lakehouse.service.service import Service
from lakehouse.web.http import bodies
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import versioned


async def delete(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/catalog/delete."""
    caller = exchange.caller()
    request, raw = await bodies.read_json(exchange, DeleteRequest)
    return versioned(await service.rows.delete(caller, request, raw))


async def update(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/catalog/update."""
    caller = exchange.caller()
    request, raw = await bodies.read_json(exchange, UpdateRequest)
    return versioned(await service.rows.update(caller, request, raw))
