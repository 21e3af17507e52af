"""Handlers under /v1/catalog that concern datasets."""

import hashlib

import msgspec
from aiohttp import web

from lakehouse.api.catalog.datasets import (
    HistoryQuery,
    ListDatasetsHeaders,
    ListDatasetsQuery,
    RegisterRequest,
    RestoreRequest,
    ShowDatasetHeaders,
    ShowDatasetQuery,
)
from lakehouse.service.service import Service
from lakehouse.web.http import bodies
from lakehouse.web.http.conditions import matches
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import versioned


async def register(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/catalog/register."""
    caller = exchange.caller()
    request, raw = await bodies.read_json(exchange, RegisterRequest)
    return versioned(await service.catalog.register(caller, request, raw))


async def restore(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/catalog/restore."""
    caller = exchange.caller()
    request, raw = await bodies.read_json(exchange, RestoreRequest)
    return versioned(await service.catalog.restore(caller, request, raw))


async def manifest(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/catalog/manifest/{name}."""
    query, sent = exchange.query(ShowDatasetQuery), exchange.headers(ShowDatasetHeaders)
    if query.profile is None:
        query = msgspec.structs.replace(query, profile=sent.profile)
    return versioned(await service.catalog.manifest(exchange.caller(), exchange.name(), query))


async def list_datasets(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/catalog/list, with a strong ETag over the whole answer."""
    query, sent = exchange.query(ListDatasetsQuery), exchange.headers(ListDatasetsHeaders)
    if query.profile is None:
        query = msgspec.structs.replace(query, profile=sent.profile)
    found = await service.catalog.list(exchange.caller(), query)
    tag = hashlib.sha256(msgspec.json.encode(found.body)).hexdigest()
    if matches(sent.if_none_match, tag):
        headers = {"ETag": f'"{tag}"', "X-Journal-Seq": str(found.seq)}
        return web.Response(status=304, headers=headers)
    response = versioned(found)
    response.headers["ETag"] = f'"{tag}"'
    return response


async def drop(service: Service, exchange: Exchange) -> web.StreamResponse:
    """DELETE /v1/catalog/manifest/{name}."""
    return versioned(await service.catalog.drop(exchange.caller(), exchange.name()))


async def history(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/catalog/history/{name}."""
    query = exchange.query(HistoryQuery)
    return versioned(await service.catalog.history(exchange.caller(), exchange.name(), query))
