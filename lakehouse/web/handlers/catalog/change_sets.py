"""Handlers under /v1/catalog that change several datasets, or their names."""

from aiohttp import web

from lakehouse.api.catalog.change_sets import RenameRequest, TransactionRequest
from lakehouse.domain.errors import RefusedError
from lakehouse.service.catalog.change_sets import of_malformed
from lakehouse.service.service import Service
from lakehouse.web.http import bodies
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import versioned


async def transaction(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/catalog/transaction."""
    caller = exchange.caller()
    try:
        request, raw = await bodies.read_json(exchange, TransactionRequest)
    except RefusedError as error:
        raise RefusedError(of_malformed(error.refused)) from error
    return versioned(await service.change_sets.transaction(caller, request, raw))


async def rename(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/catalog/rename."""
    caller = exchange.caller()
    request, raw = await bodies.read_json(exchange, RenameRequest)
    return versioned(await service.change_sets.rename(caller, request, raw))
