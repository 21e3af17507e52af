"""Handlers of SQL: statements, searches of vectors, and the list of the queries that run."""

from collections.abc import Callable
from functools import partial
from urllib.parse import unquote

import msgspec
from aiohttp import web

from lakehouse.api.lists.pages import PageQuery, page_of
from lakehouse.api.sql import SqlHeaders, SqlQuery, SqlRequest, SqlTextQuery
from lakehouse.api.vectors import VectorSearchRequest
from lakehouse.api.versioned import Versioned
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.render.formats import FORMATS, Format, named
from lakehouse.service.service import Service
from lakehouse.service.sql.answers import Answer
from lakehouse.web.http import bodies
from lakehouse.web.http.audit_entry import RESULT
from lakehouse.web.http.conditions import matches
from lakehouse.web.http.connections.pace import PACE
from lakehouse.web.http.encoding import coding_for, in_pieces
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.negotiation import choose
from lakehouse.web.http.problems import answer

TEXT = ("application/sql", "text/plain")
"""Media types of a body that is the statement and nothing else."""
_OFFERED = tuple(each.media_type for each in FORMATS.values())


async def run(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/sql. A member of the body overrides the parameter of its name in the query."""
    query = exchange.query(SqlTextQuery)
    if exchange.request.content_type.lower() in TEXT:
        request = SqlRequest(await bodies.read_text(exchange))
    else:
        # Not the bytes too: they would stay for as long as the query waits and runs.
        request = (await bodies.read_json(exchange, SqlRequest))[0]
    request = msgspec.structs.replace(
        request,
        format=query.format if request.format is None else request.format,
        as_of=query.as_of if request.as_of is None else request.as_of,
        profile=query.profile if request.profile is None else request.profile,
    )
    return await _answered(service, exchange, request)


async def run_link(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/sql."""
    query = exchange.query(SqlQuery)
    if not query.q:
        raise RefusedError(Refused("sql_error", "the statement is empty; it is the parameter q"))
    request = SqlRequest(query.q, format=query.format, as_of=query.as_of, profile=query.profile)
    return await _answered(service, exchange, request)


async def search(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/vectors/search."""
    request = (await bodies.read_json(exchange, VectorSearchRequest))[0]
    return await _answered(service, exchange, request)


async def _answered(
    service: Service, exchange: Exchange, request: SqlRequest | VectorSearchRequest
) -> web.StreamResponse:
    """The result, streamed; one that fails midway breaks its connection."""
    sent = exchange.headers(SqlHeaders)
    if request.profile is None:
        request = msgspec.structs.replace(request, profile=sent.profile)
    format_ = _format(request.format, ", ".join(sent.accept) or None)
    fresh = any("no-cache" in each.lower() for each in sent.cache_control)
    caller, query_id = exchange.caller(), exchange.query_id()
    if isinstance(request, SqlRequest):
        running = service.sql.run(caller, request, format_.name, query_id, fresh=fresh)
    else:
        running = service.vectors.search(caller, request, format_.name, query_id, fresh=fresh)
    async with running as found:
        exchange.request[RESULT] = found
        headers = _headers(found, format_)
        if found.identity and matches(sent.if_none_match, found.identity):
            return web.Response(status=304, headers=headers)
        headers["Content-Type"] = format_.media_type
        if found.body is not None:
            return web.Response(body=found.body, headers=headers)
        response = web.StreamResponse(headers=headers)
        patience_s = partial(service.sql.patience_s, exchange.caller())
        return await _streamed(exchange, found, response, patience_s)


async def _streamed(
    exchange: Exchange,
    found: Answer,
    response: web.StreamResponse,
    patience_s: Callable[[], float | None],
) -> web.StreamResponse:
    chunks = found.chunks
    if coding := coding_for(exchange.request, response):
        response.headers["Content-Encoding"] = coding
        chunks = in_pieces(coding, chunks)
    await exchange.begin(response)
    exchange.request[PACE].watch_result(patience_s)
    async for chunk in chunks:
        await response.write(chunk)
    return response


async def running(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/queries."""
    query = exchange.query(PageQuery)
    found = Versioned(service.sql.queries.running(exchange.caller()), 0)
    paged = page_of(found, "queries", lambda each: f"{each.started_at} {each.query_id}", query)
    return answer(paged.body)


async def cancel(service: Service, exchange: Exchange) -> web.StreamResponse:
    """DELETE /v1/queries/{id}."""
    query_id = unquote(exchange.tail)
    return answer(await service.sql.queries.cancel(exchange.caller(), query_id))


def _headers(found: Answer, format_: Format) -> dict[str, str]:
    """The tag is weak: the same statement on the same versions may give its rows in another order."""
    headers = {"X-Journal-Seq": str(found.seq), "Cache-Status": f"lakehouse; {found.cache}"}
    return headers | ({"ETag": f'W/"{found.identity}"'} if found.identity else {})


def _format(named_in_body: str | None, accept: str | None) -> Format:
    """The body's `format`, else the one that `Accept` prefers. Raises RefusedError `not_acceptable`."""
    wanted = named_in_body if named_in_body is not None else choose(accept, _OFFERED)
    found = named(wanted) if wanted is not None else None
    if found is None:
        raise RefusedError(Refused("not_acceptable", f"results come as {', '.join(_OFFERED)}"))
    return found
