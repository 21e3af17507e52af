"""What a page of an allowed origin may do and read (the Fetch standard's CORS protocol).

Owns the answer to a preflight. Never allows credentials that the browser adds by itself: such a page
sends its own token.
"""

from aiohttp import web

ALLOWED_ORIGIN = web.RequestKey("ALLOWED_ORIGIN", str)
"""Set on a request of a page of another site that the settings allow."""
METHODS = "GET, HEAD, POST, PUT, DELETE"
MAX_AGE_S = 600
"""For how long a browser may remember a preflight."""


def is_preflight(request: web.BaseRequest) -> bool:
    """Whether a browser asks before it sends the request of an allowed page."""
    asks = "Access-Control-Request-Method" in request.headers
    return ALLOWED_ORIGIN in request and request.method == "OPTIONS" and asks


def preflight() -> web.Response:
    """The answer: all methods, and all headers (`*` does not cover Authorization)."""
    headers = {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": "*, Authorization",
        "Access-Control-Max-Age": str(MAX_AGE_S),
    }
    return web.Response(status=204, headers=headers)


def allow(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Let the page of an allowed origin read this answer."""
    if ALLOWED_ORIGIN not in request:
        return
    response.headers["Access-Control-Allow-Origin"] = request[ALLOWED_ORIGIN]
    response.headers["Access-Control-Expose-Headers"] = "*"
    vary = response.headers.get("Vary")
    response.headers["Vary"] = f"{vary}, Origin" if vary else "Origin"
