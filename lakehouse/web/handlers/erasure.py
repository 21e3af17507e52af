"""Handler of POST /v1/catalog/erase."""

from aiohttp import web

from lakehouse.api.rows import EraseRequest
from lakehouse.service.service import Service
from lakehouse.web.http import bodies
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import versioned


async def erase(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/catalog/erase."""
    caller = exchange.caller()
    request, raw = await bodies.read_json(exchange, EraseRequest)
    return versioned(await service.erasure.erase(caller, request, raw))
