"""One route: how it is matched, who answers it, and the structs that describe it."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from lakehouse.service.service import Service

if TYPE_CHECKING:
    from lakehouse.web.http.exchange import Exchange

Handler = Callable[[Service, "Exchange"], Awaitable[web.StreamResponse]]


class Nothing(msgspec.Struct, frozen=True):
    """No parameters, or no headers of its own."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A method and a path. A parameter takes the rest of the target, slashes too, up to what follows it."""

    method: str
    path: str
    handler: Handler
    summary: str
    description: str
    """The description in the OpenAPI document, after the summary."""
    path_example: str = ""
    """An example of the path's parameter."""
    query: type[msgspec.Struct] = Nothing
    headers: type[msgspec.Struct] = Nothing
    body: type[msgspec.Struct] | tuple[str, ...] | None = None
    """The struct of a JSON body, or the media types of a raw one."""
    body_text: tuple[str, ...] = ()
    """Media types of a text body that is accepted instead of the JSON body."""
    body_optional: bool = False
    answers: tuple[type[msgspec.Struct] | str, ...] = ()
    """The structs of a JSON answer, and media types; none is 204."""
    changes: bool = False
    """Whether it may make an event."""
    public: bool = False
    """Whether it needs no token in a lake that has principals."""
    judged: bool = False
    """Whether its use case judges what the caller may do. Without that it answers admins only."""
    json_rpc: bool = False
    """Whether a notification gets 202, and a refused message 400 or 404 with the JSON of its answers."""
    abandonable: bool = False
    """Whether a client that closes its side cancels the work."""

    @property
    def fixed(self) -> str:
        """The path up to its parameter."""
        return self.path.partition("{")[0]

    @property
    def is_below(self) -> bool:
        """Whether something follows its parameter."""
        return "{" in self.path and not self.path.endswith("}")

    def tail(self, path: str) -> str | None:
        """What `path` has beyond the fixed part; None when it is another route's."""
        if "{" not in self.path:
            return "" if path == self.path else None
        if not path.startswith(self.fixed):
            return None
        rest, after = path[len(self.fixed) :], self.path.partition("}")[2]
        return rest.removesuffix(after) if rest.endswith(after) else None

    def expect(self, declared: Any, shape: type[Any]) -> None:
        """Raises TypeError where a handler reads a struct that the route does not declare."""
        if declared is not shape:
            raise TypeError(f"{self.method} {self.path} does not declare {shape.__name__}")
