"""Handler of POST /v1/catalog/compact."""

from aiohttp import web

from lakehouse.api.upkeep.compaction import CompactRequest
from lakehouse.service.service import Service
from lakehouse.web.http import bodies
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import versioned


async def compact(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/catalog/compact; without a body it compacts all datasets."""
    caller, request, raw = exchange.caller(), CompactRequest(), b""
    if exchange.request.can_read_body:
        request, raw = await bodies.read_json(exchange, CompactRequest)
    return versioned(await service.compaction.run(caller, request, raw))
