"""Handlers under /v1/access."""

from urllib.parse import unquote

from aiohttp import web

from lakehouse.api.access import (
    GrantQuery,
    IssueTokenRequest,
    ListGrantsQuery,
    PutGrantRequest,
    PutPrincipalRequest,
)
from lakehouse.api.lists.pages import PageQuery, page_of
from lakehouse.service.service import Service
from lakehouse.web.http import bodies
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import versioned


async def put_principal(service: Service, exchange: Exchange) -> web.StreamResponse:
    """PUT /v1/access/principals/{name}."""
    caller, name = exchange.caller(), exchange.name()
    request, raw = await bodies.read_json(exchange, PutPrincipalRequest)
    return versioned(await service.access.put_principal(caller, name, request, raw))


async def show_principal(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/access/principals/{name}."""
    return versioned(await service.access.show_principal(exchange.caller(), exchange.name()))


async def drop_principal(service: Service, exchange: Exchange) -> web.StreamResponse:
    """DELETE /v1/access/principals/{name}."""
    return versioned(await service.access.drop_principal(exchange.caller(), exchange.name()))


async def list_principals(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/access/principals."""
    query = exchange.query(PageQuery)
    found = await service.access.list_principals(exchange.caller())
    return versioned(page_of(found, "principals", lambda each: each.name, query))


async def issue_token(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/access/tokens. The answer has a secret: no cache may store it."""
    caller = exchange.caller()
    request, raw = await bodies.read_json(exchange, IssueTokenRequest)
    response = versioned(await service.access.tokens.issue(caller, request, raw))
    response.headers["Cache-Control"] = "no-store"
    return response


async def list_tokens(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/access/tokens."""
    query = exchange.query(PageQuery)
    found = await service.access.tokens.list(exchange.caller())
    # A blank sorts before every character of a name: the rows stay by principal and age.
    return versioned(
        page_of(found, "tokens", lambda each: f"{each.principal} {each.seq:016} {each.id}", query)
    )


async def revoke_token(service: Service, exchange: Exchange) -> web.StreamResponse:
    """DELETE /v1/access/tokens/{id}."""
    id_ = unquote(exchange.tail)
    return versioned(await service.access.tokens.revoke(exchange.caller(), id_))


async def put_grant(service: Service, exchange: Exchange) -> web.StreamResponse:
    """PUT /v1/access/grants."""
    caller = exchange.caller()
    request, raw = await bodies.read_json(exchange, PutGrantRequest)
    return versioned(await service.access.put_grant(caller, request, raw))


async def list_grants(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/access/grants."""
    query = exchange.query(ListGrantsQuery)
    found = await service.access.list_grants(exchange.caller(), query.principal)
    return versioned(page_of(found, "grants", lambda each: f"{each.principal} {each.on}", query))


async def drop_grant(service: Service, exchange: Exchange) -> web.StreamResponse:
    """DELETE /v1/access/grants."""
    query = exchange.query(GrantQuery)
    found = await service.access.drop_grant(exchange.caller(), query.principal, query.on)
    return versioned(found)


async def me(service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /v1/access/me."""
    return versioned(await service.access.me(exchange.caller()))
