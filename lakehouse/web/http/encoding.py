"""Compressed answers, for clients that accept them (RFC 9110, sections 8.4 and 12.5.3).

Owns which coding is used, and from which size on. Never compresses stored objects, which are sent as
they were stored, nor Parquet, which is compressed already. Threads compress, a piece at a time.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import zstandard
from aiohttp import web

from lakehouse.query.render.formats import FORMATS
from lakehouse.web.http.conditions import matches
from lakehouse.web.http.negotiation import choose_coding

LEAST_BYTES = 4 * 1024
"""Smaller answers are not compressed."""
_GZIP_WBITS = 16 + zlib.MAX_WBITS
_TYPES = {each.media_type for name, each in FORMATS.items() if name != "parquet"} | {
    "text/css",
    "text/html",
    "text/javascript",
}


class _Gzip:
    """One answer. Level 1: three times faster than the usual 6, a tenth larger."""

    def __init__(self) -> None:
        self._stream = zlib.compressobj(1, wbits=_GZIP_WBITS)

    def piece(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._stream.flush()


class _Zstd:
    """One answer, at zstd's own level 1."""

    def __init__(self) -> None:
        self._stream = zstandard.ZstdCompressor(level=1).compressobj()

    def piece(self, data: bytes) -> bytes:
        block = zstandard.COMPRESSOBJ_FLUSH_BLOCK
        return self._stream.compress(data) + self._stream.flush(block)

    def end(self) -> bytes:
        return self._stream.flush()


_CODINGS: dict[str, Callable[[], Any]] = {"zstd": _Zstd, "gzip": _Gzip}
"""In the order of preference, for clients that have none."""


def coding_for(request: web.BaseRequest, response: web.StreamResponse) -> str | None:
    """The coding for this answer to this client; None for no coding.

    Sets the answer's `Vary`, since it depends on the request.
    """
    if response.status not in (200, 304) or "Content-Disposition" in response.headers:
        return None
    if response.status == 200 and response.content_type not in _TYPES:
        return None
    response.headers["Vary"] = "Accept-Encoding"
    if response.status != 200:
        return None
    return choose_coding(request.headers.get("Accept-Encoding"), tuple(_CODINGS))


async def encoded(request: web.BaseRequest, response: web.StreamResponse) -> web.StreamResponse:
    """The whole answer for this client: compressed, or 304 when the client already has it.

    A strong ETag is of the bytes, so a compressed answer has another one.
    """
    if response.prepared or (coding := coding_for(request, response)) is None:
        return response
    body = response.body if isinstance(response, web.Response) else None
    if not isinstance(body, bytes) or len(body) < LEAST_BYTES:
        return response
    tag = response.headers.get("ETag", "")
    if tag.startswith('"'):
        tag = f'{tag[:-1]}-{coding}"'
        response.headers["ETag"] = tag
        if matches(request.headers.getall("If-None-Match", []), tag.strip('"')):
            del response.headers["Content-Type"]
            return web.Response(status=304, headers=response.headers)
    response.headers["Content-Encoding"] = coding
    coded = await asyncio.to_thread(_whole, coding, body)
    return web.Response(body=coded, status=response.status, headers=response.headers)


async def in_pieces(coding: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """`chunks`, each compressed and flushed; the coding's own end follows the last."""
    stream = _CODINGS[coding]()
    async for chunk in chunks:
        yield await asyncio.to_thread(stream.piece, chunk)
    yield stream.end()


def _whole(coding: str, body: bytes) -> bytes:
    stream = _CODINGS[coding]()
    return bytes(stream.piece(body) + stream.end())
