"""Handlers under /v1/storage."""

from aiohttp import web
from multidict import CIMultiDictProxy

from lakehouse.api.storage import (
    GetObjectHeaders,
    GetObjectQuery,
    ListObjectsQuery,
    PutObjectHeaders,
)
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.validation import WORDS_BYTES
from lakehouse.service.service import Service
from lakehouse.service.storage import ObjectVersion
from lakehouse.web.http import bodies
from lakehouse.web.http.conditions import byte_range, matches
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import problem, versioned


async def put(service: Service, exchange: Exchange) -> web.StreamResponse:
    """PUT /v1/storage/put/{key}: everything else is checked before the body is read."""
    key, caller = exchange.key(), exchange.caller()
    service.storage.check_writable(caller, key)
    sent = exchange.headers(PutObjectHeaders)
    only_if_absent = _only_if_absent(exchange.request.headers, sent.if_none_match)
    content_type = _content_type(sent.content_type)
    bodies.check_declared_size(exchange.request, service.storage.max_bytes)
    async with service.storage.received(caller, bodies.chunks(exchange.request)) as file:
        found = await service.storage.put(
            caller, key, file, content_type, only_if_absent=only_if_absent
        )
    return versioned(found)


async def get(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET and HEAD /v1/storage/get/{key}: streamed from the bucket."""
    try:
        return await _get(service, exchange)
    except RefusedError as error:
        if error.refused.code != "objects_collected":
            raise
        # This node lagged and has caught up since: the key may name another version now.
        return await _get(service, exchange)


async def _get(service: Service, exchange: Exchange) -> web.StreamResponse:
    caller, sent = exchange.caller(), exchange.headers(GetObjectHeaders)
    found = await service.storage.find(caller, exchange.key(), exchange.query(GetObjectQuery))
    version = found.body
    if matches(sent.if_none_match, version.sha256):
        return web.Response(status=304, headers=_headers(version, found.seq))
    wanted = byte_range(_range(sent, version.sha256), version.size_bytes)
    if isinstance(wanted, Refused):
        refusal = problem(wanted, exchange.request_id)
        refusal.headers["Content-Range"] = f"bytes */{version.size_bytes}"
        return refusal
    start, length = wanted or (0, version.size_bytes)
    response = web.StreamResponse(headers=_headers(version, found.seq))
    if wanted is not None:
        response.set_status(206)
        last = start + length - 1
        response.headers["Content-Range"] = f"bytes {start}-{last}/{version.size_bytes}"
    response.content_length = length
    if exchange.request.method != "HEAD":
        pieces = await service.storage.read(caller, version, start, length)
        await exchange.begin(response)
        async for piece in pieces:
            await response.write(piece)
    return response


async def list_objects(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/storage/list."""
    query = exchange.query(ListObjectsQuery)
    return versioned(await service.storage.list(exchange.caller(), query))


async def delete(service: Service, exchange: Exchange) -> web.StreamResponse:
    """DELETE /v1/storage/delete/{key}: 204, also when it is absent."""
    headers = exchange.request.headers
    _only_if_absent(headers, headers.getall("If-None-Match", []))
    seq = await service.storage.delete(exchange.caller(), exchange.key())
    return web.Response(status=204, headers={"X-Journal-Seq": str(seq)})


def _only_if_absent(headers: CIMultiDictProxy[str], if_none_match: list[str]) -> bool:
    """A condition that is not supported must not be ignored: something would be overwritten."""
    for name in ("If-Match", "If-Unmodified-Since", "Content-Range"):
        if name in headers:
            raise RefusedError(Refused("invalid_request", f"changes do not support {name}"))
    if any(condition.strip() != "*" for condition in if_none_match):
        detail = "on changes If-None-Match must be * or absent"
        raise RefusedError(Refused("invalid_request", detail))
    return bool(if_none_match)


def _content_type(given: str | None) -> str:
    content_type = (given or "").strip() or "application/octet-stream"
    if len(content_type) > WORDS_BYTES:
        raise RefusedError(Refused("header_too_large", "Content-Type may have up to 1 KiB"))
    if not content_type.isascii() or not content_type.isprintable():
        raise RefusedError(Refused("invalid_request", "Content-Type must be printable ASCII"))
    return content_type


def _range(sent: GetObjectHeaders, sha256: str) -> str | None:
    """The Range header, unless If-Range names another version."""
    if sent.if_range is not None and sent.if_range.strip() != f'"{sha256}"':
        return None
    return sent.range


def _headers(version: ObjectVersion, seq: int) -> dict[str, str]:
    """Stored HTML must not run as this site: always an attachment, always in a sandbox."""
    return {
        "Content-Type": version.content_type,
        "ETag": f'"{version.sha256}"',
        "Accept-Ranges": "bytes",
        "Content-Disposition": "attachment",
        "Content-Security-Policy": "sandbox",
        "X-Journal-Seq": str(seq),
    }
