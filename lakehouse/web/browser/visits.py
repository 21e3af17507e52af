"""A request of a browser as a visit of the console, and refusals of the console as pages.

Must never show a page to a request that another site sent: those are refused before a visit is made.
"""

import secrets
from datetime import UTC, datetime

import msgspec
from aiohttp import web

from lakehouse.console.forms import FormRefusal, field_at_fault, stays_on_page
from lakehouse.console.page import Page
from lakehouse.console.pages.signing import sign_in_page
from lakehouse.console.policy import PAGE_HEADERS, content_security_policy
from lakehouse.console.rendering import error_page, render
from lakehouse.console.sessions import Sessions
from lakehouse.console.table import ConsolePage
from lakehouse.console.visit import HOME, ROOT, Visit
from lakehouse.domain.errors import CODES, Refused
from lakehouse.service.caller import Caller
from lakehouse.service.service import Service
from lakehouse.web.browser.cookies import SCHEME, SESSION, sends_session, theme_of
from lakehouse.web.http.exchange import DEFAULT_ACTOR, TARGET, target

VISIT = web.RequestKey("VISIT", Visit)
"""Set on a request for a page, once its caller is known."""
_NONCE_BYTES = 18
SESSION_ENDED = "the session has ended; sign in again"


class Visits:
    """Makes the visits of one process."""

    def __init__(self, service: Service, sessions: Sessions) -> None:
        self._service = service
        self.sessions = sessions

    def visit(
        self, request: web.BaseRequest, caller: Caller, name: str, form: dict[str, str]
    ) -> Visit:
        """The visit of a request. `name`: what follows the fixed part of the route's path."""
        found = target(request[TARGET])
        return Visit(
            caller=caller,
            path=found.path,
            name=name,
            query=dict(found.query),
            form=form,
            held=self._service.access.held(caller),
            sessions=self.sessions,
            session=request.get(SESSION),
            is_open=self._service.authentication.is_open(),
            head_seq=self._service.journal.head(caller).seq,
            now=datetime.now(UTC),
            origin=f"{request[SCHEME]}://{request.headers.get('Host', '')}",
            fault=lambda: self._service.status.fault(caller),
            theme=theme_of(request),
            nonce=secrets.token_urlsafe(_NONCE_BYTES),
            reads=[],
        )

    def stranger(self, request: web.BaseRequest) -> Visit:
        """The visit of a request that was refused before its caller was known."""
        caller = Caller(actor=DEFAULT_ACTOR, accepted_s=self._service.clock.monotonic())
        return self.visit(request, caller, "", {})

    @staticmethod
    def again(visit: Visit, page: ConsolePage, refused: Refused) -> Visit | None:
        """The visit that shows a refused form again; None where an error page must do."""
        if page.again is None or not stays_on_page(refused):
            return None
        place = page.again.place(visit.form)
        failed = FormRefusal(page.path, refused, field_at_fault(refused, page.again.fields))
        return msgspec.structs.replace(
            visit, path=place.path, name=place.name, query=place.query, failed=failed
        )


VISITS = web.RequestKey("VISITS", Visits)
"""Set on a request that no other site sent."""


def to_console() -> web.Response:
    """The way from `/` to the first page."""
    return web.Response(status=303, headers={"Location": HOME, "Vary": "Accept"})


def is_page(request: web.BaseRequest) -> bool:
    """Whether the request is for a page of the console, and is not another site's."""
    path = request[TARGET].partition("?")[0]
    return VISITS in request and (path == ROOT or path.startswith(f"{ROOT}/"))


def page_problem(request: web.BaseRequest, refused: Refused, request_id: str) -> web.Response:
    """The page of a refused request; for 401 the form to sign in, which leads back."""
    visit = request.get(VISIT) or request[VISITS].stranger(request)
    if CODES[refused.code].status != 401:
        return page_response(error_page(refused, request_id), visit)
    tried = "token" in visit.form
    wanted = visit.form.get("next", "") if tried else _target_of(request)
    ended = SESSION_ENDED if sends_session(request) else ""
    page = sign_in_page(wanted, refused.detail if tried else ended, status=401)
    return page_response(page, msgspec.structs.replace(visit, session=None))


def page_response(page: Page, visit: Visit) -> web.Response:
    """A page as an answer, with the policy that lets a browser run nothing else."""
    headers = {
        **PAGE_HEADERS,
        "Content-Security-Policy": content_security_policy(visit.nonce),
        "Content-Language": "en",
    }
    if page.seq is not None:
        headers["X-Journal-Seq"] = str(page.seq)
    return web.Response(
        text=render(page, visit),
        status=page.status,
        headers=headers,
        content_type="text/html",
        charset="utf-8",
    )


def _target_of(request: web.BaseRequest) -> str:
    return request[TARGET] if request.method in ("GET", "HEAD") else ""
