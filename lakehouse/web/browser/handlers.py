"""Handlers of the console: a page of its table as an answer, and its assets."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import nullcontext
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from lakehouse.console.assets import served
from lakehouse.console.page import Page, Redirect
from lakehouse.console.policy import ASSET_CACHING
from lakehouse.console.table import ConsolePage
from lakehouse.console.visit import SentFile, Visit
from lakehouse.domain.errors import CODES, Refused, RefusedError
from lakehouse.domain.validation import check_idempotency_key, checked_words
from lakehouse.service.caller import Caller
from lakehouse.service.service import FAULTS, Service
from lakehouse.web.browser.cookies import SESSION, STALE, set_cookies
from lakehouse.web.browser.files import FORM_WITH_FILES, form_with_files
from lakehouse.web.browser.visits import VISIT, VISITS, Visits, page_response
from lakehouse.web.http import bodies
from lakehouse.web.http.audit_entry import READS
from lakehouse.web.http.exchange import Exchange

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 1_000


def handler_of(page: ConsolePage) -> Callable[[Service, Exchange], Awaitable[web.StreamResponse]]:
    """The handler of one row of the console's table."""

    async def answer(service: Service, exchange: Exchange) -> web.StreamResponse:
        request, visits = exchange.request, exchange.request[VISITS]
        form, files = await _sent(page, exchange)
        visit = visits.visit(request, exchange.caller(), exchange.name(), form)
        visit = request[VISIT] = msgspec.structs.replace(visit, files=files)
        proof = form.get("form_token", "")
        if page.method == "POST" and not visits.sessions.proves(proof, request.get(SESSION)):
            raise RefusedError(STALE)
        try:
            return _response(request, visit, await _found(page, service, visit))
        except RefusedError as error:
            return await _again(page, service, visit, error.refused, error)
        except FAULTS as error:
            return await _again(page, service, visit, service.failure(error), error)
        finally:
            request[READS] = tuple(visit.reads)

    return answer


async def _found(page: ConsolePage, service: Service, visit: Visit) -> Page | Redirect:
    """What the page's handler returns. A change has the reason and the key of the form."""
    visit = msgspec.structs.replace(visit, caller=_caller(visit.caller, visit.form))
    async with bodies.in_time() if page.takes_files else nullcontext():
        return await page.handler(service, visit)


async def _again(
    page: ConsolePage, service: Service, visit: Visit, refused: Refused, cause: Exception
) -> web.Response:
    """The page of a form that was refused, with what was typed. Raises `cause` where it has no such page."""
    shown = Visits.again(visit, page, refused)
    if page.again is None or shown is None:
        raise cause
    try:
        found = await page.again.show(service, shown)
    except (RefusedError, *FAULTS):
        raise cause from None
    if isinstance(found, Redirect):
        raise cause
    return page_response(msgspec.structs.replace(found, status=CODES[refused.code].status), shown)


def _response(request: web.BaseRequest, visit: Visit, found: Page | Redirect) -> web.Response:
    if not isinstance(found, Redirect):
        return page_response(found, visit)
    response = web.Response(status=303, headers={"Location": found.location})
    set_cookies(request, response, found)
    return response


async def _sent(
    page: ConsolePage, exchange: Exchange
) -> tuple[dict[str, str], AsyncIterator[SentFile] | None]:
    """The fields of the form that was sent, and its files."""
    if page.takes_files and exchange.request.content_type.lower() == FORM_WITH_FILES:
        return await form_with_files(exchange)
    return (await _form(exchange) if page.method == "POST" else {}), None


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


def _caller(caller: Caller, form: dict[str, str]) -> Caller:
    """The caller; the reason of a change and its idempotency key are fields of the form."""
    key = form.get("idempotency_key") or None
    check_idempotency_key(key)
    reason = checked_words(form.get("reason"), "the reason")
    return msgspec.structs.replace(caller, reason=reason, idempotency_key=key)
