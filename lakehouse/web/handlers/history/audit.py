"""Handlers under /v1/audit."""

from aiohttp import web

from lakehouse.api.audit.entries import ListAuditQuery
from lakehouse.service.service import Service
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import answer


async def entries(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/audit/entries."""
    query = exchange.query(ListAuditQuery)
    return answer(await service.audit.entries(exchange.caller(), query))
