"""Handlers of the console: a page of its table as an answer, and its assets."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import nullcontext
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from lakehouse.console.assets import served
from lakehouse.console.page import Redirect
from lakehouse.console.policy import ASSET_CACHING
from lakehouse.console.table import ConsolePage
from lakehouse.console.visit import SentFile
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.validation import check_idempotency_key, checked_words
from lakehouse.service.caller import Caller
from lakehouse.service.service import Service
from lakehouse.web.browser.cookies import SESSION, STALE, set_cookies
from lakehouse.web.browser.files import FORM_WITH_FILES, form_with_files
from lakehouse.web.browser.visits import VISIT, VISITS, page_response
from lakehouse.web.http import bodies
from lakehouse.web.http.audit_entry import READS
from lakehouse.web.http.exchange import Exchange

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 1_000


def handler_of(page: ConsolePage) -> Callable[[Service, Exchange], Awaitable[web.StreamResponse]]:
    """The handler of one row of the console's table."""

    async def answer(service: Service, exchange: Exchange) -> web.StreamResponse:
        request, form = exchange.request, dict[str, str]()
        files: AsyncIterator[SentFile] | None = None
        if page.takes_files and request.content_type.lower() == FORM_WITH_FILES:
            form, files = await form_with_files(exchange)
        elif page.method == "POST":
            form = await _form(exchange)
        visits = request[VISITS]
        visit = visits.visit(request, _caller(exchange, form), exchange.name(), form)
        visit = request[VISIT] = msgspec.structs.replace(visit, files=files)
        proof = form.get("form_token", "")
        if page.method == "POST" and not visits.sessions.proves(proof, request.get(SESSION)):
            raise RefusedError(STALE)
        try:
            async with bodies.in_time() if page.takes_files else nullcontext():
                found = await page.handler(service, visit)
        finally:
            request[READS] = tuple(visit.reads)
        if not isinstance(found, Redirect):
            return page_response(found, visit)
        response = web.Response(status=303, headers={"Location": found.location})
        set_cookies(request, response, found)
        return response

    return answer


async def asset(_service: Service, exchange: Exchange) -> web.StreamResponse:
    """GET /console/assets/{file}."""
    found = served(exchange.name())
    if found is None:
        raise RefusedError(Refused("not_found", "there is no such asset"))
    headers = {"Cache-Control": ASSET_CACHING, "ETag": f'"{found.sha256}"'}
    return web.Response(
        body=found.body, headers=headers, content_type=found.media_type, charset="utf-8"
    )


async def _form(exchange: Exchange) -> dict[str, str]:
    """The fields of a form. Raises RefusedError as `read_text` does."""
    if exchange.request.content_type.lower() != FORM:
        raise RefusedError(Refused("unsupported_media_type", f"the form must be {FORM}"))
    body = await bodies.read_text(exchange)
    try:
        pairs = parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise bodies.invalid(f"the form cannot be parsed: {error}") from error
    return dict(pairs)


def _caller(exchange: Exchange, form: dict[str, str]) -> Caller:
    """The caller; the reason of a change and its idempotency key are fields of the form."""
    key = form.get("idempotency_key") or None
    check_idempotency_key(key)
    reason = checked_words(form.get("reason"), "the reason")
    return msgspec.structs.replace(exchange.caller(), reason=reason, idempotency_key=key)
