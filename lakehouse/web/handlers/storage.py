"""Handlers under /v1/storage."""

from collections.abc import Mapping

from aiohttp import web
from multidict import CIMultiDictProxy

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.validation import WORDS_BYTES
from lakehouse.process.spool import spooled
from lakehouse.service.service import Service
from lakehouse.service.storage import check_key
from lakehouse.web.http import bodies
from lakehouse.web.http.conditions import byte_range, matches
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import answer, problem
from projections.inventory import Stored

DEFAULT_LIMIT = 1_000
MAX_LIMIT = 10_000


async def put(service: Service, exchange: Exchange) -> web.StreamResponse:
    """PUT /v1/storage/put/{key}: what can be judged is, before a byte of the body is asked for."""
    headers = exchange.request.headers
    key, caller = exchange.key(), exchange.caller()
    check_key(key, writing=True)
    only_if_absent = _only_if_absent(headers)
    content_type = _content_type(headers)
    limit = service.limits.object_bytes
    bodies.check_declared_size(exchange.request, limit)
    with service.puts.slot():
        body = bodies.chunks(exchange.request)
        async with spooled(body, service.spool_dir, limit, service.pool) as file:
            receipt = await service.storage.put(
                key, file, content_type, caller, only_if_absent=only_if_absent
            )
    return answer(receipt.body, receipt.seq)


async def get(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET and HEAD /v1/storage/get/{key}: streamed from the bucket."""
    try:
        return await _get(service, exchange)
    except RefusedError as error:
        if error.refused.code != "objects_collected":
            raise
        # This node lagged, and has caught up to learn that: the key may name another version now.
        return await _get(service, exchange)


async def _get(service: Service, exchange: Exchange) -> web.StreamResponse:
    headers = exchange.request.headers
    version, seq = await service.storage.find(exchange.key(), exchange.parameter("as_of"))
    if matches(headers.getall("If-None-Match", []), version.sha256):
        return web.Response(status=304, headers=_headers(version, seq))
    wanted = byte_range(_range(headers, version.sha256), version.size_bytes)
    if isinstance(wanted, Refused):
        refusal = problem(wanted, exchange.request_id)
        refusal.headers["Content-Range"] = f"bytes */{version.size_bytes}"
        return refusal
    start, length = wanted or (0, version.size_bytes)
    response = web.StreamResponse(headers=_headers(version, seq))
    if wanted is not None:
        response.set_status(206)
        last = start + length - 1
        response.headers["Content-Range"] = f"bytes {start}-{last}/{version.size_bytes}"
    response.content_length = length
    if exchange.request.method != "HEAD":
        pieces = await service.storage.read(version, start, length)
        await exchange.begin(response)
        async for piece in pieces:
            await response.write(piece)
    return response


async def list_keys(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/storage/list."""
    listing = await service.storage.list(
        exchange.parameter("prefix") or "",
        exchange.parameter("after") or "",
        exchange.number("limit", DEFAULT_LIMIT, 1, MAX_LIMIT),
        exchange.parameter("as_of"),
    )
    return answer({"objects": [*listing.rows], "next": listing.next}, listing.seq)


async def delete(service: Service, exchange: Exchange) -> web.StreamResponse:
    """DELETE /v1/storage/delete/{key}: 204, also when it is absent."""
    _only_if_absent(exchange.request.headers)
    receipt = await service.storage.forget(exchange.key(), exchange.caller())
    return web.Response(status=204, headers={"X-Journal-Seq": str(receipt.seq)})


def _only_if_absent(headers: CIMultiDictProxy[str]) -> bool:
    """A condition that is not understood must not be passed over: something would be overwritten."""
    for name in ("If-Match", "If-Unmodified-Since", "Content-Range"):
        if name in headers:
            raise RefusedError(Refused("invalid_request", f"{name} is not offered on changes"))
    conditions = headers.getall("If-None-Match", [])
    if any(condition.strip() != "*" for condition in conditions):
        raise RefusedError(Refused("invalid_request", "If-None-Match is * or absent on changes"))
    return bool(conditions)


def _content_type(headers: Mapping[str, str]) -> str:
    content_type = headers.get("Content-Type", "").strip() or "application/octet-stream"
    if len(content_type) > WORDS_BYTES:
        raise RefusedError(Refused("header_too_large", "Content-Type has up to 1 KiB"))
    if not content_type.isascii() or not content_type.isprintable():
        raise RefusedError(Refused("invalid_request", "Content-Type is printable ASCII"))
    return content_type


def _range(headers: Mapping[str, str], sha256: str) -> str | None:
    """The Range header, unless If-Range names another version."""
    condition = headers.get("If-Range")
    if condition is not None and condition.strip() != f'"{sha256}"':
        return None
    return headers.get("Range")


def _headers(version: Stored, seq: int) -> dict[str, str]:
    """Stored HTML must not run as this site: always an attachment, always in a sandbox."""
    return {
        "Content-Type": version.content_type or "application/vnd.apache.parquet",
        "ETag": f'"{version.sha256}"',
        "Accept-Ranges": "bytes",
        "Content-Disposition": "attachment",
        "Content-Security-Policy": "sandbox",
        "X-Journal-Seq": str(seq),
    }
