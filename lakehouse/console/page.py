"""What a page handler returns: a page to render, or where to go next. Pure.

Owns the equivalents that every page shows. Must never hold markup: text becomes HTML in templates alone.
"""

import shlex
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

TOKEN = "$LAKEHOUSE_TOKEN"  # noqa: S105  # the name of a variable


class Equivalent(msgspec.Struct, frozen=True, kw_only=True):
    """The request of the API that returns what a page shows, and the same in Python.

    `python` is an expression over `lake`, a connection; empty where the client has none. Null
    parameters are left out.
    """

    path: str
    python: str = ""
    query: dict[str, Any] = {}
    method: str = "GET"
    body: dict[str, Any] | None = None

    @property
    def target(self) -> str:
        """Path and query string."""
        given = {name: value for name, value in self.query.items() if value not in (None, "")}
        return quote(self.path) + (f"?{urlencode(given)}" if given else "")

    @property
    def link(self) -> str | None:
        """The target of a link to the JSON; None if the request is not a GET."""
        return self.target if self.method == "GET" else None

    def curl(self, origin: str, *, needs_token: bool) -> str:
        """A command for a POSIX shell."""
        parts = ["curl"]
        if self.method != "GET":
            parts += ["-X", self.method]
        if needs_token:
            parts += ["-H", f'"Authorization: Bearer {TOKEN}"']
        if self.body is not None:
            parts += ["--json", shlex.quote(msgspec.json.encode(self.body).decode())]
        return " ".join([*parts, shlex.quote(f"{origin}{self.target}")])

    def script(self, origin: str, *, needs_token: bool) -> str:
        """A script in Python."""
        token = ', token=os.environ["LAKEHOUSE_TOKEN"]' if needs_token else ""
        imports = "import os\n\nimport lakehouse" if needs_token else "import lakehouse"
        return f"{imports}\n\nlake = lakehouse.connect({origin!r}{token})\n{self.python}\n"


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page: its template, and what the template shows.

    `styles` and `scripts` name assets that this page needs beside those of every page.
    """

    template: str
    title: str
    values: dict[str, Any] = {}
    equivalent: Equivalent | None = None
    styles: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    """Assets that are ES modules: the first begins, and they import each other as `console/<name>`."""
    status: int = 200
    seq: int | None = None
    """The event as of which the page shows the lake."""
    timeless: bool = False
    """Whether the page shows the same whatever `as_of` is, so that it has no time bar."""


class Redirect(msgspec.Struct, frozen=True, kw_only=True):
    """Where the browser goes next, by GET; `session` and `theme` are cookies to set.

    An empty `session` ends the one that the browser has.
    """

    location: str
    session: str | None = None
    theme: str | None = None
