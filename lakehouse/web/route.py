"""What one route is: how it is matched, who answers it, and what the OpenAPI document says of it."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from lakehouse.service.service import Service
from lakehouse.web.http.exchange import Exchange

Handler = Callable[[Service, Exchange], Awaitable[web.StreamResponse]]


class Route(msgspec.Struct, frozen=True):
    """A method and a path. A path that ends in `}` takes the rest of the target, slashes too."""

    method: str
    path: str
    handler: Handler
    summary: str
    abandonable: bool = False
    """Whether a client that closes its side calls the work off."""
    query: tuple[str, ...] = ()
    """Parameters that it reads, by their names in `openapi.PARAMETERS`."""
    headers: tuple[str, ...] = ()
    """Headers that it reads beside every route's, by their names in `openapi.HEADERS`."""
    body: type[Any] | tuple[str, ...] | None = None
    """The shape of a JSON body, or the media types of a raw one."""
    bodiless: bool = False
    """Whether it may be asked without its body, too."""
    answers: tuple[type[Any] | str, ...] = ()
    """The shape of a JSON answer, or media types; none is 204."""
    changes: bool = False
    """Whether it may make an event."""

    @property
    def fixed(self) -> str:
        """The path up to its parameter."""
        return self.path.partition("{")[0]

    def tail(self, path: str) -> str | None:
        """What `path` has beyond the fixed part; None when it is another route's."""
        if not self.path.endswith("}"):
            return "" if path == self.path else None
        return path[len(self.fixed) :] if path.startswith(self.fixed) else None
