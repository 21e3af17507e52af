"""Where a browser finds the console: the answer of a process that has none, to `GET /`.

Must never import the console: such a process has none of it in memory.
"""

from aiohttp import web

from lakehouse.web.http.exchange import split_authority
from lakehouse.web.http.negotiation import choose

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Lakehouse</title>
</head>
<body>
<h1>The console is in another process</h1>
<p>This is the {role} process of a lakehouse: it answers programs only.</p>
<p>A process with all roles has the console. Start <code>lakehouse serve</code> on the same bucket,
and open its address.</p>
</body>
</html>
"""


def asks_for_page(request: web.BaseRequest) -> bool:
    """Whether a browser asks for `/`. It is no route: a program is answered that there is none."""
    path = split_authority(request.raw_path)[1].partition("?")[0]
    if request.method not in ("GET", "HEAD") or path != "/":
        return False
    accept = ", ".join(request.headers.getall("Accept", []))
    return choose(accept, ("application/json", "text/html")) == "text/html"


def console_is_elsewhere(role: str) -> web.Response:
    """A 404 page: this process does not serve the console."""
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
    }
    text = _PAGE.format(role=role)
    return web.Response(
        text=text, status=404, headers=headers, content_type="text/html", charset="utf-8"
    )
