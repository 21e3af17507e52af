"""A body that stays open: read as it comes, at any pace.

Owns nothing of its content. How long it may bring nothing is for the use case, which knows what it waits for.
"""

import asyncio
import time
from collections.abc import AsyncIterator

from aiohttp import web

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.web.http.bodies import BROKEN
from lakehouse.web.http.connections.pace import TURN_S


async def open_chunks(request: web.BaseRequest) -> AsyncIterator[bytes]:
    """The body as sent, each piece as soon as it is there. Raises RefusedError `incomplete_body`."""
    content, turn_s = request.content, time.monotonic()
    while content.exception() is not None or not content.at_eof():
        try:
            # Up to the end of a chunk: however small they are, others get their turn between them.
            chunk, is_chunk = await content.readchunk()
        except BROKEN as error:
            detail = "the body is not whole: it does not parse, or ended early"
            raise RefusedError(Refused("incomplete_body", detail)) from error
        if not chunk and not is_chunk:
            return
        if chunk:
            yield chunk
        if (now_s := time.monotonic()) - turn_s > TURN_S:
            # Bytes that are there are read without waiting: others need their turn.
            turn_s = now_s
            await asyncio.sleep(0)
