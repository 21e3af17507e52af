"""Handlers under /v1/catalog that concern profiles."""

from aiohttp import web

from lakehouse.api.catalog.definitions import PutProfileRequest
from lakehouse.api.lists.pages import PageQuery, page_of
from lakehouse.service.service import Service
from lakehouse.web.http import bodies
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import versioned


async def put(service: Service, exchange: Exchange) -> web.StreamResponse:
    """PUT /v1/catalog/profile/{name}."""
    caller = exchange.caller()
    request, raw = await bodies.read_json(exchange, PutProfileRequest)
    return versioned(await service.profiles.put(caller, exchange.name(), request, raw))


async def show(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/catalog/profile/{name}."""
    return versioned(await service.profiles.show(exchange.caller(), exchange.name()))


async def drop(service: Service, exchange: Exchange) -> web.StreamResponse:
    """DELETE /v1/catalog/profile/{name}."""
    return versioned(await service.profiles.drop(exchange.caller(), exchange.name()))


async def list_profiles(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/catalog/profiles."""
    query = exchange.query(PageQuery)
    found = await service.profiles.list(exchange.caller())
    return versioned(page_of(found, "profiles", lambda profile: profile.name, query))
