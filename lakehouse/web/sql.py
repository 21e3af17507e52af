"""Handler of POST /v1/sql."""

from typing import Annotated, Any

import msgspec
from aiohttp import web

from lakehouse.errors import Refused, RefusedError
from lakehouse.query import Query
from lakehouse.query.formats import FORMATS, Format, named
from lakehouse.service import Service
from lakehouse.web import bodies
from lakehouse.web.exchange import Exchange
from lakehouse.web.negotiation import choose

Milliseconds = Annotated[int, msgspec.Meta(ge=1, le=24 * 3600 * 1000)]


class Question(msgspec.Struct, frozen=True):
    """The body of POST /v1/sql. Unknown members are ignored."""

    sql: str
    params: list[Any] | dict[str, Any] | None = None
    as_of: int | str | None = None
    timeout_ms: Milliseconds | None = None
    format: str | None = None


async def run(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/sql: streamed; a result that fails midway breaks its connection."""
    question, _ = await bodies.read_json(exchange, Question)
    format_ = _format(question.format, exchange.request.headers.get("Accept"))
    timeout_s = question.timeout_ms / 1000 if question.timeout_ms else None
    query = Query(question.sql, question.params, timeout_s, format_.name)
    async with service.sql.run(query, question.as_of) as (result, seq):
        headers = {"Content-Type": format_.media_type, "X-Journal-Seq": str(seq)}
        response = web.StreamResponse(headers=headers)
        await exchange.begin(response)
        async for chunk in result.chunks:
            await response.write(chunk)
    return response


def _format(asked: str | None, accept: str | None) -> Format:
    """The body's `format` before the header's. Raises RefusedError `not_acceptable`."""
    offered = [each.media_type for each in FORMATS.values()]
    wanted = asked if asked is not None else choose(accept, offered)
    found = named(wanted) if wanted is not None else None
    if found is None:
        raise RefusedError(Refused("not_acceptable", f"results come as {', '.join(offered)}"))
    return found
