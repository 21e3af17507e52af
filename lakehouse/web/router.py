"""Which route answers a request. Owns the refusals of what no route answers."""

from lakehouse.domain.errors import Json, Refused, RefusedError
from lakehouse.web.route import Route
from lakehouse.web.routes import ROUTES


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
    allowed = _with_head(sorted({route.method for route, _ in candidates}))
    rows: tuple[dict[str, Json], ...] = tuple({"allow": name} for name in allowed)
    detail = f"{method[:32]} is not allowed; use {' or '.join(allowed)}"
    raise RefusedError(Refused("method_not_allowed", detail, rows))


def _with_head(methods: list[str]) -> list[str]:
    return [*methods, "HEAD"] if "GET" in methods else methods
