"""Signing in with a token and out again, and the choice of light or dark.

Must never send a token back: a page that refuses one does not show it.
"""

from lakehouse.console.page import Page, Redirect
from lakehouse.console.sessions import Session
from lakehouse.console.visit import HOME, ROOT, Visit
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.service import Service

THEMES = ("light", "dark", "")


async def show(_service: Service, visit: Visit) -> Page | Redirect:
    """GET /console/sign-in."""
    if visit.is_open:
        return Redirect(location=HOME)
    return sign_in_page(visit.parameter("next"), "")


def sign_in_page(next_: str, problem: str, *, status: int = 200) -> Page:
    """The form; `problem` says why the last token was refused."""
    values = {"next": local(next_), "problem": problem}
    return Page(
        template="sign_in.html", title="Sign in", values=values, status=status, timeless=True
    )


async def sign_in(service: Service, visit: Visit) -> Redirect:
    """POST /console/sign-in. Raises RefusedError `unauthenticated`."""
    given = visit.field("token").strip()
    found = await service.authentication.identify([f"Bearer {given}"])
    if found.principal is None or found.token is None:
        return Redirect(location=HOME)
    session = Session(
        found.principal, found.token, visit.head_seq, visit.sessions.now(), found.signed_until
    )
    cookie = visit.sessions.seal(session)
    return Redirect(location=local(visit.form.get("next", "")), session=cookie)


async def sign_out(service: Service, visit: Visit) -> Redirect:
    """POST /console/sign-out."""
    if visit.session is not None:
        if visit.form.get("everywhere"):
            await service.access.end_sessions(visit.caller)
        visit.sessions.close(visit.session)
    return Redirect(location=f"{ROOT}/sign-in", session="")


async def choose_theme(_service: Service, visit: Visit) -> Redirect:
    """POST /console/theme. Raises RefusedError `invalid_request`."""
    theme = visit.field("theme")
    if theme not in THEMES:
        raise RefusedError(Refused("invalid_request", "theme must be light, dark or empty"))
    return Redirect(location=local(visit.form.get("next", "")), theme=theme)


def local(target: str) -> str:
    """A target of this console; anything else becomes the first page."""
    path = target.partition("?")[0]
    inside = path == ROOT or path.startswith(f"{ROOT}/")
    return target if inside and target.isprintable() and "\\" not in target else HOME
