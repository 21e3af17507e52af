"""Handlers under /v1/catalog."""

import hashlib
from typing import Annotated

import msgspec
from aiohttp import web

from lakehouse.domain.commands import RegisterDataset
from lakehouse.domain.errors import Body
from lakehouse.service.service import Service
from lakehouse.web.http import bodies
from lakehouse.web.http.conditions import matches
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import answer

DEFAULT_LIMIT = 1_000
MAX_LIMIT = 10_000

RowCount = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class ObjectRef(msgspec.Struct, frozen=True):
    """An object to register, by its key."""

    key: str


class Registration(msgspec.Struct, frozen=True):
    """The body of POST /v1/catalog/register. Unknown members are ignored."""

    name: str
    schema_fingerprint: str
    objects: tuple[ObjectRef, ...]
    row_count: RowCount | None = None


class Restoration(msgspec.Struct, frozen=True):
    """The body of POST /v1/catalog/restore. Unknown members are ignored."""

    name: str
    as_of: int | str


async def register(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/catalog/register."""
    caller = exchange.caller()
    body, raw = await bodies.read_json(exchange, Registration)
    keys = tuple(item.key for item in body.objects)
    command = RegisterDataset(body.name, body.schema_fingerprint, keys, body.row_count)
    receipt = await service.catalog.register(command, caller, raw)
    return answer(receipt.body, receipt.seq)


async def restore(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/catalog/restore."""
    caller = exchange.caller()
    body, raw = await bodies.read_json(exchange, Restoration)
    receipt = await service.catalog.restore(body.name, body.as_of, caller, raw)
    return answer(receipt.body, receipt.seq)


async def manifest(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/catalog/manifest/{name}."""
    receipt = await service.catalog.manifest(exchange.name(), exchange.parameter("as_of"))
    return answer(receipt.body, receipt.seq)


async def list_datasets(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/catalog/list, with a strong ETag over the whole answer."""
    listing = await service.catalog.list(
        exchange.parameter("after") or "",
        exchange.number("limit", DEFAULT_LIMIT, 1, MAX_LIMIT),
        exchange.parameter("as_of"),
        summary=exchange.flag("summary"),
    )
    body: Body = {"datasets": [*listing.rows], "seq": listing.seq, "next": listing.next}
    tag = hashlib.sha256(msgspec.json.encode(body)).hexdigest()
    if matches(exchange.request.headers.getall("If-None-Match", []), tag):
        headers = {"ETag": f'"{tag}"', "X-Journal-Seq": str(listing.seq)}
        return web.Response(status=304, headers=headers)
    response = answer(body, listing.seq)
    response.headers["ETag"] = f'"{tag}"'
    return response


async def drop(service: Service, exchange: Exchange) -> web.StreamResponse:
    """DELETE /v1/catalog/manifest/{name}."""
    receipt = await service.catalog.drop(exchange.name(), exchange.caller())
    return answer(receipt.body, receipt.seq)


async def history(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/catalog/history/{name}."""
    listing = await service.catalog.history(
        exchange.name(),
        exchange.number("after", 0, 0, 2**53 - 1),
        exchange.number("limit", DEFAULT_LIMIT, 1, MAX_LIMIT),
    )
    return answer({"events": [*listing.rows], "next": listing.next}, listing.seq)
