"""Which route answers a request. Owns the refusals of what no route answers."""

from lakehouse.domain.errors import Json, Refused, RefusedError
from lakehouse.roles import ALL, answers, with_prefix
from lakehouse.web.console_routes import CONSOLE_ROUTES
from lakehouse.web.http.exchange import split_authority
from lakehouse.web.route import Route
from lakehouse.web.routes import ROUTES


class Surface:
    """The routes that a process of one role answers, by the targets that it is sent."""

    def __init__(self, role: str = ALL) -> None:
        self._role = role
        # The console needs the routes of all roles: behind a gateway there is none.
        every = (*ROUTES, *CONSOLE_ROUTES) if role == ALL else ROUTES
        self._routes = tuple(route for route in every if answers(role, route.path))
        # Most requests are for a path without a parameter: these need no search.
        whole = ((each.method, each.path) for each in self._routes if "{" not in each.path)
        self._by_path = {at: match(*at, self._routes) for at in whole}

    @property
    def service(self) -> str:
        """What `/health` calls the process."""
        return "lakehouse" if self._role == ALL else self._role

    @property
    def is_whole(self) -> bool:
        """Whether it has all routes."""
        return self._role == ALL

    def target(self, raw_target: str) -> str:
        """A target as the route table has it: a process of one role is sent it without `/v1`."""
        if self._role == ALL:
            return raw_target
        authority, rest = split_authority(raw_target)
        path, mark, query = rest.partition("?")
        return f"{authority}{with_prefix(path)}{mark}{query}"

    def match(self, method: str, path: str) -> tuple[Route, str]:
        """The route of a request, as `match` does."""
        return self._by_path.get((method, path)) or match(method, path, self._routes)


def match(method: str, path: str, routes: tuple[Route, ...] = ROUTES) -> tuple[Route, str]:
    """The route of a request and the tail of its path. HEAD is answered where GET is.

    Raises RefusedError: `not_found`, `method_not_allowed` (errors: {allow}).
    """
    candidates = [(route, tail) for route in routes if (tail := route.tail(path)) is not None]
    # What follows a parameter is part of no parameter: `/{name}/run` is no `/{name}`.
    candidates = [each for each in candidates if each[0].is_below] or candidates
    if not candidates:
        raise RefusedError(Refused("not_found", "there is no such route"))
    # Of /v1/stores/copy and /v1/stores/{id} the one that says more of the path.
    longest = max(len(route.fixed) for route, _ in candidates)
    candidates = [each for each in candidates if len(each[0].fixed) == longest]
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
