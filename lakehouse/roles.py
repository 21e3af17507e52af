"""The roles of `lakehouse serve`: which routes each answers, and at which port by default. Pure.

A role is a filter over the one route table and a prefix: a process of one role answers the routes below
its paths, without `/v1`. Must never name a route's handler: the gateway reads this and loads no handler.
"""

import msgspec

API = "/v1"
ALL, GATEWAY, STORAGE, CATALOG, INGEST, SQL = (
    "all",
    "gateway",
    "storage",
    "catalog",
    "ingest",
    "sql",
)
OF_PROCESS = ("/health", "/ready", "/metrics")
"""Answered by every role, about its own process."""
OPENAPI = "/openapi.json"
ROW_STREAMS = "/v1/stream"
"""Below this, answers go on while their requests do."""


class Role(msgspec.Struct, frozen=True):
    """One part of the system as a process of its own."""

    port: int
    paths: tuple[str, ...]
    """Its routes are those at and below these paths of the whole system."""


ROLES = {
    STORAGE: Role(3211, ("/v1/storage",)),
    CATALOG: Role(
        3212,
        (
            "/v1/catalog",
            "/v1/journal",
            "/v1/gc",
            "/v1/access",
            "/v1/audit",
            "/v1/stores",
            "/v1/sources",
            OPENAPI,
        ),
    ),
    INGEST: Role(3213, ("/v1/ingest", ROW_STREAMS)),
    SQL: Role(3214, ("/v1/sql", "/v1/queries", "/v1/vectors", "/iceberg", "/mcp")),
}
"""The roles behind a gateway, in the order in which they are started."""
PORTS = {ALL: 3110, GATEWAY: 3110, **{name: role.port for name, role in ROLES.items()}}
_ABANDONABLE = (
    "/mcp",
    "/v1/sql",
    "/v1/catalog/compact",
    "/v1/catalog/derive",
    "/v1/catalog/refresh",
    "/v1/catalog/why",
    "/v1/journal/stream",
    "/v1/stores/copy",
    "/v1/stores/move",
    "/v1/vectors/search",
)


def role_of(path: str) -> str | None:
    """The role behind a gateway that answers a path of the whole system; None where none does."""
    return next((name for name, role in ROLES.items() if _below(path, role.paths)), None)


def is_abandonable(path: str) -> bool:
    """Whether work at a path ends when the client closes its side: the route's `abandonable`."""
    return _below(path, _ABANDONABLE)


def is_row_stream(path: str) -> bool:
    """Whether requests and answers at a path stay open together."""
    return _below(path, (ROW_STREAMS,))


def answers(role: str, path: str) -> bool:
    """Whether a process of this role answers a path of the whole system."""
    return role == ALL or path in OF_PROCESS or role_of(path) == role


def without_prefix(path: str) -> str:
    """A path of the whole system as a process of one role has it."""
    return path[len(API) :] if path.startswith(f"{API}/") else path


def with_prefix(path: str) -> str:
    """What `without_prefix` was made from: the path of the whole system."""
    unprefixed = path in OF_PROCESS or any(
        _below(path, (each,))
        for role in ROLES.values()
        for each in role.paths
        if not each.startswith(API)
    )
    return path if unprefixed else f"{API}{path}"


def _below(path: str, paths: tuple[str, ...]) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in paths)
