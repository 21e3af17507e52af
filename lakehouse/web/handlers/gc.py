"""Handler of POST /v1/gc."""

from aiohttp import web

from lakehouse.api.gc import GcRequest
from lakehouse.service.service import Service
from lakehouse.web.http import bodies
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import versioned


async def collect(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/gc; without a body it is a dry run."""
    caller, request, raw = exchange.caller(), GcRequest(), b""
    if exchange.request.can_read_body:
        request, raw = await bodies.read_json(exchange, GcRequest)
    return versioned(await service.gc.run(caller, request, raw))
