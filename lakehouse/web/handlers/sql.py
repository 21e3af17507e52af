"""Handlers of SQL: questions, and the list of those that run."""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import unquote

import msgspec
from aiohttp import web

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.engine import Query
from lakehouse.query.render.formats import FORMATS, Format, named
from lakehouse.service.service import Service
from lakehouse.service.sql.answers import Answer
from lakehouse.web.http import bodies
from lakehouse.web.http.conditions import matches
from lakehouse.web.http.encoding import coding_for, in_pieces
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.negotiation import choose
from lakehouse.web.http.pace import PACE
from lakehouse.web.http.problems import answer

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
    query_id = exchange.query_id()
    question, _ = await bodies.read_json(exchange, Question)
    format_ = _format(question.format, exchange.request.headers.get("Accept"))
    timeout_s = question.timeout_ms / 1000 if question.timeout_ms else None
    query = Query(question.sql, question.params, timeout_s, format_.name)
    fresh = "no-cache" in exchange.request.headers.get("Cache-Control", "").lower()
    caller = exchange.caller()
    async with service.sql.run(caller, query, question.as_of, query_id, fresh=fresh) as found:
        headers = _headers(found, format_)
        if found.identity and matches(
            exchange.request.headers.getall("If-None-Match", []), found.identity
        ):
            return web.Response(status=304, headers=headers)
        headers["Content-Type"] = format_.media_type
        if found.body is not None:
            return web.Response(body=found.body, headers=headers)
        response = web.StreamResponse(headers=headers)
        return await _streamed(exchange, found, response, service.sql.queries.waiting)


async def _streamed(
    exchange: Exchange,
    found: Answer,
    response: web.StreamResponse,
    others_wait: Callable[[], bool],
) -> web.StreamResponse:
    chunks = found.chunks
    if coding := coding_for(exchange.request, response):
        response.headers["Content-Encoding"] = coding
        chunks = in_pieces(coding, chunks)
    await exchange.begin(response)
    exchange.request[PACE].watch_result(others_wait)
    async for chunk in chunks:
        await response.write(chunk)
    return response


async def running(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/queries."""
    return answer({"queries": [*service.sql.queries.running()]})


async def cancel(service: Service, exchange: Exchange) -> web.StreamResponse:
    """DELETE /v1/queries/{id}."""
    return answer(await service.sql.queries.cancel(unquote(exchange.tail)))


def _headers(found: Answer, format_: Format) -> dict[str, str]:
    """The tag is weak: the same question of the same versions may give its rows in another order."""
    headers = {"X-Journal-Seq": str(found.seq), "Cache-Status": f"lakehouse; {found.cache}"}
    return headers | ({"ETag": f'W/"{found.identity}"'} if found.identity else {})


def _format(asked: str | None, accept: str | None) -> Format:
    """The body's `format` before the header's. Raises RefusedError `not_acceptable`."""
    offered = [each.media_type for each in FORMATS.values()]
    wanted = asked if asked is not None else choose(accept, offered)
    found = named(wanted) if wanted is not None else None
    if found is None:
        raise RefusedError(Refused("not_acceptable", f"results come as {', '.join(offered)}"))
    return found
