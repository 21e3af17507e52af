"""Request bodies: `100 Continue` when a handler wants one, raw or JSON, bounded, in time.

Owns the limits of a body, and the refusals of broken ones. Never holds a body whole unless it is
small. aiohttp's own limits apply only to its convenience readers, and it sends `100 Continue` before a
handler has checked anything; so both are done here.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
from aiohttp import (
    BadContentDispositionHeader,
    BadContentDispositionParam,
    ClientPayloadError,
    HttpVersion10,
    hdrs,
    web,
)
from aiohttp.http_exceptions import HttpProcessingError

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.web.http.connections.pace import PACE, WINDOW_BYTES, WINDOW_S, BodyTooSlow
from lakehouse.web.http.exchange import Exchange

JSON_BYTES = 1024 * 1024
CHUNK_BYTES = 256 * 1024
CHUNKED_BYTES = 1024
"""Read at a time of a body with Transfer-Encoding: chunked. Each chunk costs aiohttp some 10 us,
however small: 256 KiB at once, in chunks of one byte, held the event loop for 0.4 s."""
RECEIVE_S = 3_600.0
"""Maximum time in which one file must arrive, at any rate: a change is refused after an hour."""
BROKEN = (
    ClientPayloadError,
    HttpProcessingError,
    web.RequestPayloadError,
    ValueError,
    RuntimeError,
    BadContentDispositionHeader,
    BadContentDispositionParam,
)

T = TypeVar("T")


def check_declared_size(request: web.BaseRequest, max_bytes: int) -> None:
    """Raises RefusedError `too_large` by Content-Length, before a byte is read."""
    if (request.content_length or 0) > max_bytes:
        detail = f"the body has {request.content_length:,} bytes; at most {max_bytes:,} are allowed"
        raise RefusedError(Refused("too_large", detail))


def check_transfer_coding(request: web.BaseRequest) -> None:
    """Raises RefusedError for a body in a transfer coding that is not undone here.

    The parser undoes `chunked` and passes anything beside it through: `gzip, chunked` would be stored
    still compressed.
    """
    codings = request.headers.get(hdrs.TRANSFER_ENCODING)
    if codings is None:
        return
    if request.version == HttpVersion10:
        raise invalid("HTTP/1.0 has no Transfer-Encoding; send a Content-Length")
    if codings.strip().lower() != "chunked":
        detail = f"Transfer-Encoding: {codings[:64]}; only chunked is read"
        raise RefusedError(Refused("transfer_coding_not_supported", detail))


@asynccontextmanager
async def in_time() -> AsyncIterator[None]:
    """Bounds how long a file is received. Raises RefusedError `incomplete_body`."""
    try:
        async with asyncio.timeout(RECEIVE_S):
            yield
    except TimeoutError as error:
        raise _incomplete(f"it did not arrive within {RECEIVE_S:.0f} seconds") from error


async def chunks(request: web.BaseRequest) -> AsyncIterator[bytes]:
    """The body as sent. Raises RefusedError: `incomplete_body`, `body_too_slow`."""
    await say_continue(request)
    fault, size_bytes = "it does not parse, or ended early", piece_bytes(request)
    while request.content.exception() is not None or not request.content.at_eof():
        chunk = await read_from(request, request.content.read(size_bytes), fault)
        if not chunk:
            return
        yield chunk


def piece_bytes(request: web.BaseRequest) -> int:
    """How much of the body to read at a time."""
    return CHUNKED_BYTES if hdrs.TRANSFER_ENCODING in request.headers else CHUNK_BYTES


_DRY_RUN = re.compile(rb'"dry[-_ ]?run"', re.IGNORECASE)


async def read_json(exchange: Exchange, shape: type[T]) -> tuple[T, bytes]:
    """A JSON body as the route's struct, and its bytes.

    Raises RefusedError: `too_large`, `incomplete_body`, `body_too_slow`, `unsupported_media_type` for
    a coded body, `invalid_request` with msgspec's message and, where the route takes text too, how
    that is sent.
    """
    exchange.route.expect(exchange.route.body, shape)
    body = await read_small(exchange, "a JSON body")
    try:
        request = msgspec.json.decode(body, type=shape)
        if exchange.route.changes:
            _refuse_dry_run(body, has_one=hasattr(shape, "dry_run"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        detail = f"the JSON body: {error}" if body else "the JSON body is empty"
        texts = exchange.route.body_text
        if texts and not isinstance(error, msgspec.ValidationError):
            detail += f"; a body that is no JSON is sent as Content-Type: {texts[0]}"
        raise RefusedError(Refused("invalid_request", detail)) from error
    return request, body


def _refuse_dry_run(body: bytes, *, has_one: bool) -> None:
    """Raises RefusedError for a dry run that would be a change: there is none, or it is misspelled."""
    if not _DRY_RUN.search(body):
        return
    members = msgspec.json.decode(body, type=dict[str, Any])
    _refuse_member(members, has_one=has_one)
    changes = members.get("changes")
    for each in changes if isinstance(changes, list) else ():
        if isinstance(each, dict):
            _refuse_member(each, has_one=False)


def _refuse_member(members: dict[str, Any], *, has_one: bool) -> None:
    if not has_one and members.get("dry_run"):
        raise invalid("this change has no dry run; nothing was changed")
    for name in members:
        if name != "dry_run" and _DRY_RUN.fullmatch(f'"{name}"'.encode()):
            raise invalid(f"the member is dry_run, not {name}; nothing was changed")


async def read_text(exchange: Exchange) -> str:
    """A body of UTF-8 text. Raises RefusedError as `read_json` does."""
    body = await read_small(exchange, "a text body")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise RefusedError(Refused("invalid_request", "the text body is not UTF-8")) from error


async def read_small(exchange: Exchange, what: str) -> bytes:
    """A small body as sent. Raises RefusedError as `read_json` does; it is not decoded."""
    coding = exchange.request.headers.get(hdrs.CONTENT_ENCODING, "identity")
    if coding.lower() not in ("", "identity"):
        raise RefusedError(Refused("unsupported_media_type", f"{what} must not be compressed"))
    check_declared_size(exchange.request, JSON_BYTES)
    if (arrived := _arrived(exchange.request)) is not None:
        return arrived
    body = bytearray()
    async for chunk in chunks(exchange.request):
        body += chunk
        if len(body) > JSON_BYTES:
            detail = f"{what} may have at most {JSON_BYTES:,} bytes"
            raise RefusedError(Refused("too_large", detail))
    return bytes(body)


def _arrived(request: web.BaseRequest) -> bytes | None:
    """A body that has arrived whole, and that its sender does not hold back; None for others."""
    content = request.content
    is_whole = content.is_eof() and content.exception() is None
    # With Transfer-Encoding it is read in small pieces; with Expect after `100 Continue`.
    if not is_whole or hdrs.TRANSFER_ENCODING in request.headers or hdrs.EXPECT in request.headers:
        return None
    return content.read_nowait(-1)


async def read_from(request: web.BaseRequest, reading: Awaitable[T], fault: str) -> T:
    """The result of `reading` from the request's body; `fault` is the detail if it fails.

    Raises RefusedError: `body_too_slow`, `incomplete_body`. aiohttp reports the faults of a body in
    all of the ways of BROKEN.
    """
    try:
        return await request[PACE].read(reading)
    except BodyTooSlow as error:
        detail = f"less than {WINDOW_BYTES:,} bytes of the body arrived within {WINDOW_S:.0f} s"
        raise RefusedError(Refused("body_too_slow", detail)) from error
    except BROKEN as error:
        raise _incomplete(fault) from error


async def say_continue(request: web.BaseRequest) -> None:
    """Send `100 Continue` to a client that waits for it before it sends the body."""
    expect = request.headers.get(hdrs.EXPECT, "")
    if expect.lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # Not a part of the response: aiohttp takes any output for one that has begun.
        request.writer.output_size = 0


def invalid(why: str) -> RefusedError:
    """The refusal of a request that is not as it is described."""
    return RefusedError(Refused("invalid_request", why))


def _incomplete(why: str) -> RefusedError:
    return RefusedError(Refused("incomplete_body", f"the body is not whole: {why}"))
