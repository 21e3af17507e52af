"""Handlers under /v1/catalog that concern datasets from SQL, and where rows come from."""

from aiohttp import web

from lakehouse.api.catalog.derivation import DeriveRequest, RefreshRequest
from lakehouse.api.history.provenance import WhyQuery
from lakehouse.service.service import Service
from lakehouse.web.http import bodies
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import versioned


async def derive(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/catalog/derive."""
    caller, query_id = exchange.caller(), exchange.query_id()
    request, raw = await bodies.read_json(exchange, DeriveRequest)
    if request.dry_run:
        return versioned(await service.derivations.dry_run(caller, request, query_id))
    if request.stage:
        return versioned(await service.derivations.stage(caller, request, query_id))
    return versioned(await service.derivations.derive(caller, request, query_id, raw))


async def refresh(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/catalog/refresh."""
    caller, query_id = exchange.caller(), exchange.query_id()
    request, raw = await bodies.read_json(exchange, RefreshRequest)
    if request.all:
        return versioned(await service.derivations.refresh_all(caller, request, query_id))
    return versioned(await service.derivations.refresh(caller, request, query_id, raw))


async def why(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/catalog/why/{name}."""
    query = exchange.query(WhyQuery)
    return versioned(await service.provenance.why(exchange.caller(), exchange.name(), query))
