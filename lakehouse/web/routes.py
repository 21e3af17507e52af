"""Every route as a row of one table: the router, the OpenAPI document and a test read it."""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from lakehouse.errors import Json, Refused, RefusedError
from lakehouse.service import Service
from lakehouse.web import catalog, ingest, journal, sql, storage
from lakehouse.web.exchange import Exchange

Handler = Callable[[Service, Exchange], Awaitable[web.StreamResponse]]


class Route(msgspec.Struct, frozen=True):
    """A method and a path. A path that ends in `}` takes the rest of the target, slashes too."""

    method: str
    path: str
    handler: Handler
    summary: str
    abandonable: bool = False
    """Whether a client that closes its side calls the work off."""

    @property
    def fixed(self) -> str:
        """The path up to its parameter."""
        return self.path.partition("{")[0]

    def tail(self, path: str) -> str | None:
        """What `path` has beyond the fixed part; None when it is another route's."""
        if self.fixed == self.path:
            return "" if path == self.path else None
        return path[len(self.fixed) :] if path.startswith(self.fixed) else None


ROUTES = (
    Route("PUT", "/v1/storage/put/{key}", storage.put, "Store an object"),
    Route("GET", "/v1/storage/get/{key}", storage.get, "Read an object"),
    Route("GET", "/v1/storage/list", storage.list_keys, "List keys"),
    Route("DELETE", "/v1/storage/delete/{key}", storage.delete, "Forget a key"),
    Route("POST", "/v1/catalog/register", catalog.register, "Register a dataset over keys"),
    Route("POST", "/v1/catalog/restore", catalog.restore, "Bring a dataset back as it was"),
    Route("GET", "/v1/catalog/manifest/{name}", catalog.manifest, "Show a dataset"),
    Route("DELETE", "/v1/catalog/manifest/{name}", catalog.drop, "Drop a dataset"),
    Route("GET", "/v1/catalog/list", catalog.list_datasets, "List datasets"),
    Route("GET", "/v1/catalog/history/{name}", catalog.history, "What happened to a dataset"),
    Route("POST", "/v1/ingest", ingest.ingest, "Make a dataset of a CSV file"),
    Route("POST", "/v1/sql", sql.run, "Ask a question in SQL", abandonable=True),
    Route("GET", "/v1/queries", sql.running, "Which queries run"),
    Route("DELETE", "/v1/queries/{id}", sql.cancel, "Call a query off"),
    Route("GET", "/v1/journal/head", journal.head, "Where the journal stands"),
    Route("GET", "/v1/journal/events", journal.events, "What has happened"),
    Route("GET", "/health", journal.health, "Whether the process runs"),
    Route("GET", "/ready", journal.ready, "Whether it can serve"),
    Route("GET", "/metrics", journal.metrics, "Prometheus metrics"),
)


def match(method: str, path: str) -> tuple[Route, str]:
    """The route of a request and the tail of its path. HEAD is answered where GET is.

    Raises RefusedError: `not_found`, `method_not_allowed` (errors: {allow}).
    """
    candidates = [(route, tail) for route in ROUTES if (tail := route.tail(path)) is not None]
    if not candidates:
        raise RefusedError(Refused("not_found", "there is no such route"))
    wanted = "GET" if method == "HEAD" else method
    for route, tail in candidates:
        if route.method == wanted:
            return route, tail
    allowed = sorted({route.method for route, _ in candidates})
    rows: tuple[dict[str, Json], ...] = tuple({"allow": name} for name in _with_head(allowed))
    raise RefusedError(Refused("method_not_allowed", f"{method} is not answered here", rows))


def _with_head(methods: list[str]) -> list[str]:
    return [*methods, "HEAD"] if "GET" in methods else methods
