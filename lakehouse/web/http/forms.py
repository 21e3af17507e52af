"""The files in a multipart form, read in pieces; all that stands around them is bounded.

Owns the form's limits: framing (preamble, boundaries, heads of fields) and the other fields together
have at most AROUND_BYTES, and there are at most MAX_FIELDS. Never holds a form or a file whole.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import msgspec
from aiohttp import BodyPartReader, MultipartReader, StreamReader, hdrs, web

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.web.http.bodies import invalid, piece_bytes, read_from, say_continue

AROUND_BYTES = 64 * 1024
MAX_FIELDS = 100
LINES_AT_ONCE = 64
"""Of the framing, before others get their turn."""
TRANSFER = "Content-Transfer-Encoding"
PLAIN = ("binary", "8bit", "7bit")


class FormField(msgspec.Struct, frozen=True):
    """One field of a form. Its chunks are there until the next field is asked for."""

    name: str
    filename: str | None
    """Of a file, perhaps empty; None for a field of text."""
    chunks: AsyncIterator[bytes]


class FileHead:
    """What a form says of the file in it, once its chunks are being read."""

    filename: str | None = None
    content_type: str | None = None


async def file_chunks(request: web.BaseRequest, field: str, head: FileHead) -> AsyncIterator[bytes]:
    """The file in a multipart form's `field`. What follows it is read too: a form must end well.

    Raises RefusedError: `missing_file`, `incomplete_body`, `body_too_slow`, `too_large`,
    `invalid_request`.
    """
    await say_continue(request)
    around = _Around(request.content)
    form, found = _form(request, around), False
    while (part := await _next_part(request, form)) is not None:
        around.field()
        wanted = part.name == field
        if wanted and found:
            raise invalid(f"the form has more than one field {field!r}")
        found = found or wanted
        if wanted:
            head.filename = part.filename
            head.content_type = part.headers.get(hdrs.CONTENT_TYPE)
        while not part.at_eof():
            chunk = await _next_chunk(request, part)
            if wanted:
                yield chunk
            else:
                around.add(len(chunk))
    if not found:
        raise RefusedError(Refused("missing_file", f"the form has no field {field!r}"))


async def fields(request: web.BaseRequest) -> AsyncIterator[FormField]:
    """The fields of a multipart form in their order; what is not read of one is skipped.

    Raises RefusedError as `file_chunks` does, but for `missing_file`.
    """
    await say_continue(request)
    around = _Around(request.content)
    form = _form(request, around)
    while (part := await _next_part(request, form)) is not None:
        around.field()
        counted = around if part.filename is None else None
        chunks = _chunks(request, part, counted)
        yield FormField(part.name or "", part.filename, chunks)
        async for _ in chunks:
            pass


async def _chunks(
    request: web.BaseRequest, part: BodyPartReader, around: "_Around | None"
) -> AsyncIterator[bytes]:
    while not part.at_eof():
        chunk = await _next_chunk(request, part)
        if around is not None:
            around.add(len(chunk))
        yield chunk


class _Around:
    """The body as aiohttp's form reader uses it; counts what is not the file.

    aiohttp reads all framing by lines, and the content of fields by `read`.
    """

    def __init__(self, content: StreamReader) -> None:
        self._content = content
        self._bytes = 0
        self._lines = 0
        self._fields = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def readline(self, **limits: Any) -> bytes:
        line = await self._content.readline(**limits)
        self.add(len(line))
        self._lines += 1
        if self._lines % LINES_AT_ONCE == 0:
            await asyncio.sleep(0)
        return line

    def add(self, size_bytes: int) -> None:
        """Raises RefusedError `too_large`."""
        self._bytes += size_bytes
        if self._bytes > AROUND_BYTES:
            detail = f"the form has more than {AROUND_BYTES:,} bytes around its file"
            raise RefusedError(Refused("too_large", detail))

    def field(self) -> None:
        """Raises RefusedError `invalid_request`."""
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise invalid(f"the form has more than {MAX_FIELDS} fields")


def _form(request: web.BaseRequest, around: _Around) -> MultipartReader:
    try:
        return MultipartReader(request.headers, cast("StreamReader", around))
    except (ValueError, AssertionError) as error:
        raise invalid("the Content-Type names no boundary that a form can have") from error


async def _next_part(request: web.BaseRequest, form: MultipartReader) -> BodyPartReader | None:
    fault = "the multipart form does not parse, or ended early"
    part = await read_from(request, form.next(), fault)
    if isinstance(part, MultipartReader):
        raise invalid("a form within a form is not read")
    if part is not None and part.headers.get(TRANSFER, "binary").lower() not in PLAIN:
        raise invalid(f"{TRANSFER} of a field is one of {', '.join(PLAIN)}")
    return part


async def _next_chunk(request: web.BaseRequest, part: BodyPartReader) -> bytes:
    fault = "the multipart form ended early"
    return bytes(await read_from(request, part.read_chunk(piece_bytes(request)), fault))
