"""The cookies of a browser, and when its session counts.

Owns the defence against forged requests: a cookie alone never makes a change. Must never read a token.
"""

from http.cookies import CookieError, SimpleCookie

from aiohttp import web

from lakehouse.console.page import Redirect
from lakehouse.console.sessions import (
    COOKIE,
    LIFETIME_S,
    SECURE_COOKIE,
    THEME_COOKIE,
    Session,
    Sessions,
)
from lakehouse.domain.errors import Refused, RefusedError

SCHEME = web.RequestKey("SCHEME", str)
"""Set on every request: what the browser used, `http` or `https`."""
SESSION = web.RequestKey("SESSION", Session)
"""Set on a request whose session has proven its principal."""
FORM_TOKEN = "X-Form-Token"  # noqa: S105  # the name of a header
"""What a script of the console sends with a request of the API that is no GET."""
STALE = Refused("stale_form", "the proof that this console made the request is absent or too old")
_THEME_S = 365 * 24 * 3600


def session_of(request: web.BaseRequest, sessions: Sessions, *, is_page: bool) -> Session | None:
    """The session of a request without Authorization.

    Raises RefusedError `stale_form` for a request of the API that may change something and has no
    proof; a page checks the proof in its form.
    """
    session = sessions.find(cookie(request, _name(request)))
    if session is None or request.method in ("GET", "HEAD") or is_page:
        return session
    if not sessions.proves(request.headers.get(FORM_TOKEN, ""), session):
        raise RefusedError(STALE)
    return session


def sends_session(request: web.BaseRequest) -> bool:
    """Whether the browser has signed in before: its cookie may be of a session that has ended."""
    return cookie(request, _name(request)) is not None


def cookie(request: web.BaseRequest, name: str) -> str | None:
    """The value of a cookie; None where the browser sent none, or what cannot be read."""
    try:
        found = SimpleCookie("; ".join(request.headers.getall("Cookie", []))).get(name)
    except CookieError:
        return None
    return found.value if found is not None else None


def theme_of(request: web.BaseRequest) -> str:
    """`light` or `dark` if the browser has chosen one, else empty."""
    chosen = cookie(request, THEME_COOKIE)
    return chosen if chosen in ("light", "dark") else ""


def set_cookies(request: web.BaseRequest, response: web.Response, going: Redirect) -> None:
    """Begin or end a session, and keep a choice of light or dark, as the redirect says."""
    if going.session is not None:
        _set(request, response, _name(request), going.session, LIFETIME_S)
    if going.theme is not None:
        _set(request, response, THEME_COOKIE, going.theme, _THEME_S)


def _name(request: web.BaseRequest) -> str:
    return SECURE_COOKIE if request[SCHEME] == "https" else COOKIE


def _set(
    request: web.BaseRequest, response: web.Response, name: str, value: str, lasts_s: float
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=int(lasts_s) if value else 0,
        path="/",
        secure=request[SCHEME] == "https",
        httponly=True,
        samesite="Strict",
    )
