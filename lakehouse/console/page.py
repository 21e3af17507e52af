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

    `python` is a statement over `lake`, a connection; empty where the client has none: then the script sends
    the request with the standard library. Null parameters are left out.
    """

    path: str
    python: str = ""
    query: dict[str, Any] = {}
    method: str = "GET"
    body: dict[str, Any] | None = None
    profile: str | None = None
    """The profile that the connection of `python` has."""

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
        if not self.python:
            return self._plain_script(origin, needs_token=needs_token)
        token = ', token=os.environ["LAKEHOUSE_TOKEN"]' if needs_token else ""
        profile = f", profile={self.profile!r}" if self.profile else ""
        imports = "import os\n\nimport lakehouse" if needs_token else "import lakehouse"
        connected = f"lake = lakehouse.connect({origin!r}{token}{profile})"
        return f"{imports}\n\n{connected}\n{self.python}\n"

    def _plain_script(self, origin: str, *, needs_token: bool) -> str:
        """The request by the standard library; the answer is JSON."""
        modules = ["import json", *(["import os"] if needs_token else []), "import urllib.request"]
        given = [repr(f"{origin}{self.target}")]
        if self.method != "GET":
            given.append(f"method={self.method!r}")
        if self.body is not None:
            given.append(f"data=json.dumps({self.body!r}).encode()")
        lines = [*modules, "", f"request = urllib.request.Request({', '.join(given)})"]
        if self.body is not None:
            lines.append('request.add_header("Content-Type", "application/json")')
        if needs_token:
            bearer = '"Bearer " + os.environ["LAKEHOUSE_TOKEN"]'
            lines.append(f'request.add_header("Authorization", {bearer})')
        lines += ["with urllib.request.urlopen(request) as answer:", "    print(json.load(answer))"]
        return "\n".join([*lines, ""])


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
