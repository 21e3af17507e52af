"""Handlers of what puts the past to use: pins, differences, undoing."""

from typing import Annotated

import msgspec
from aiohttp import web

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.service import Service
from lakehouse.web.http import bodies
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import answer

Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class Pin(msgspec.Struct, frozen=True):
    """The body of POST /v1/catalog/pin."""

    name: str
    as_of: int | str


class Unpin(msgspec.Struct, frozen=True):
    """The body of POST /v1/catalog/unpin."""

    name: str
    as_of_seq: Seq


class Undo(msgspec.Struct, frozen=True):
    """The body of POST /v1/journal/undo."""

    seq: Seq
    dry_run: bool = True


async def pin(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/catalog/pin."""
    caller = exchange.caller()
    body, raw = await bodies.read_json(exchange, Pin)
    receipt = await service.past.pin(body.name, body.as_of, caller, raw)
    return answer(receipt.body, receipt.seq)


async def unpin(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/catalog/unpin."""
    caller = exchange.caller()
    body, raw = await bodies.read_json(exchange, Unpin)
    receipt = await service.past.unpin(body.name, body.as_of_seq, caller, raw)
    return answer(receipt.body, receipt.seq)


async def pins(service: Service, _exchange: Exchange) -> web.StreamResponse:
    """GET /v1/catalog/pins."""
    receipt = await service.past.pins()
    return answer(receipt.body, receipt.seq)


async def diff(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/catalog/diff."""
    first = exchange.parameter("from")
    if first is None:
        raise RefusedError(Refused("invalid_request", "from is an event's number or a time"))
    receipt = await service.past.diff(first, exchange.parameter("to"))
    return answer(receipt.body, receipt.seq)


async def undo(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/journal/undo."""
    caller = exchange.caller()
    body, raw = await bodies.read_json(exchange, Undo)
    receipt = await service.past.undo(body.seq, caller, raw, dry_run=body.dry_run)
    return answer(receipt.body, receipt.seq)
