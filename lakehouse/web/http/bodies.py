"""Request bodies: `100 Continue` once we want one, raw or multipart, bounded, never whole unless small.

aiohttp's own limits bind only its convenience readers, and it says `100 Continue` before a handler
has looked at anything; so both are done here.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
from aiohttp import (
    BadContentDispositionHeader,
    BadContentDispositionParam,
    BodyPartReader,
    ClientPayloadError,
    HttpVersion10,
    MultipartReader,
    hdrs,
    web,
)
from aiohttp.http_exceptions import HttpProcessingError

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.web.http.exchange import Exchange

JSON_BYTES = 1024 * 1024
CHUNK_BYTES = 256 * 1024
IDLE_S = 60.0
"""For how long a body may stand still before the request is given up."""

RECEIVE_S = 3_600.0
"""For how long one file may take to come, at whatever pace: a change is refused after an hour, and
whoever sends a byte a minute must not keep another's place for ever."""

AROUND_BYTES = 64 * 1024
"""What a form may hold beside its file."""
TRANSFER = "Content-Transfer-Encoding"
PLAIN = ("binary", "8bit", "7bit")
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
        raise _invalid("HTTP/1.0 has no Transfer-Encoding; send a Content-Length")
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
        raise _incomplete(f"it has not come within {RECEIVE_S:.0f} seconds") from error


async def chunks(request: web.BaseRequest) -> AsyncIterator[bytes]:
    """The body as sent. Raises RefusedError `incomplete_body` when it ends early or is malformed."""
    await _say_continue(request)
    while request.content.exception() is not None or not request.content.at_eof():
        chunk = await _in_time(request.content.readany(), "it does not parse, or ended early")
        if not chunk:
            return
        yield chunk


class FileHead:
    """What a form says of the file in it, once its chunks are being read."""

    filename: str | None = None
    content_type: str | None = None


async def file_chunks(request: web.BaseRequest, field: str, head: FileHead) -> AsyncIterator[bytes]:
    """The file in a multipart form's `field`. What follows it is read too: a form must end well.

    Raises RefusedError: `missing_file`, `incomplete_body`.
    """
    await _say_continue(request)
    form, found, around = await _form(request), False, 0
    while (part := await _next_part(form)) is not None:
        wanted = part.name == field
        if wanted and found:
            raise _invalid(f"the form has more than one field {field!r}")
        found = found or wanted
        if wanted:
            head.filename = part.filename
            head.content_type = part.headers.get(hdrs.CONTENT_TYPE)
        while not part.at_eof():
            chunk = await _next_chunk(part)
            if wanted:
                yield chunk
            elif (around := around + len(chunk)) > AROUND_BYTES:
                detail = f"the form's other fields have more than {AROUND_BYTES:,} bytes"
                raise RefusedError(Refused("too_large", detail))
    if not found:
        raise RefusedError(Refused("missing_file", f"the form has no field {field!r}"))


async def read_json(exchange: Exchange, shape: type[T]) -> tuple[T, bytes]:
    """A JSON body as `shape`, and its bytes.

    Raises RefusedError: `too_large`, `incomplete_body`, `unsupported_media_type` for a coded body,
    `invalid_request` with msgspec's message.
    """
    coding = exchange.request.headers.get(hdrs.CONTENT_ENCODING, "identity")
    if coding.lower() not in ("", "identity"):
        raise RefusedError(Refused("unsupported_media_type", "a JSON body is not compressed"))
    check_declared_size(exchange.request, JSON_BYTES)
    body = bytearray()
    async for chunk in chunks(exchange.request):
        body += chunk
        if len(body) > JSON_BYTES:
            detail = f"a JSON body has at most {JSON_BYTES:,} bytes"
            raise RefusedError(Refused("too_large", detail))
    try:
        return msgspec.json.decode(body, type=shape), bytes(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(Refused("invalid_request", f"the JSON body: {error}")) from error


async def _form(request: web.BaseRequest) -> MultipartReader:
    try:
        return await request.multipart()
    except (ValueError, AssertionError) as error:
        raise _invalid("the Content-Type names no boundary that a form can have") from error


async def _next_part(form: MultipartReader) -> BodyPartReader | None:
    part = await _in_time(form.next(), "the multipart form does not parse, or ended early")
    if isinstance(part, MultipartReader):
        raise _invalid("a form within a form is not read")
    if part is not None and part.headers.get(TRANSFER, "binary").lower() not in PLAIN:
        raise _invalid(f"{TRANSFER} of a field is one of {', '.join(PLAIN)}")
    return part


async def _next_chunk(part: BodyPartReader) -> bytes:
    return bytes(await _in_time(part.read_chunk(CHUNK_BYTES), "the multipart form ended early"))


async def _in_time(reading: Awaitable[T], fault: str) -> T:
    """What `reading` brings. aiohttp tells of a body's faults in all of these ways."""
    try:
        async with asyncio.timeout(IDLE_S):
            return await reading
    except TimeoutError as error:
        raise _incomplete(f"nothing came for {IDLE_S:.0f} seconds") from error
    except BROKEN as error:
        raise _incomplete(fault) from error


async def _say_continue(request: web.BaseRequest) -> None:
    expect = request.headers.get(hdrs.EXPECT, "")
    if expect.lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # Not a part of the response: aiohttp takes any output for one that has begun.
        request.writer.output_size = 0


def _invalid(why: str) -> RefusedError:
    return RefusedError(Refused("invalid_request", why))


def _incomplete(why: str) -> RefusedError:
    return RefusedError(Refused("incomplete_body", f"the body is not whole: {why}"))
