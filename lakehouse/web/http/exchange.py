"""One request as the handlers see it: target, query, who asks. Extracts and checks; answers nothing."""

import re
import uuid
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

import msgspec
from aiohttp import web

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.validation import check_idempotency_key, checked_words
from lakehouse.service.caller import Caller

DEFAULT_ACTOR = "local"

_ABSOLUTE = re.compile(r"\Ahttps?://[^/?#]*", re.IGNORECASE)
QUERIES = "/v1/sql"
QUERY_ID = web.RequestKey("QUERY_ID", str)
"""Set on a request that asks a query, for every answer to it to carry."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Target(msgspec.Struct, frozen=True):
    """A request's target as sent: the path still percent-encoded, the query decoded to pairs."""

    path: str
    query: tuple[tuple[str, str], ...]


class Exchange:
    """A request on its way through: aiohttp's request, its target, and what the route matched."""

    def __init__(self, request: web.BaseRequest, request_id: str, accepted_s: float) -> None:
        self.request = request
        self.request_id = request_id
        self.accepted_s = accepted_s
        self.target = target(request.raw_path)
        self.changes = False
        """Whether its route may make an event."""
        self.tail = ""
        """What followed the route's fixed part, still percent-encoded."""

    async def begin(self, response: web.StreamResponse) -> None:
        """Send an answer's head; its body follows in pieces."""
        finish(self.request, response, self.request_id)
        await response.prepare(self.request)

    def key(self) -> str:
        """The tail, percent-decoded once. Raises RefusedError `invalid_key` when not UTF-8."""
        try:
            return unquote_to_bytes(self.tail).decode()
        except UnicodeDecodeError as error:
            raise RefusedError(Refused("invalid_key", "the key is not UTF-8")) from error

    def name(self) -> str:
        """The tail as a dataset's name; one that is not UTF-8 is `invalid_name`."""
        try:
            return unquote_to_bytes(self.tail).decode()
        except UnicodeDecodeError as error:
            raise RefusedError(Refused("invalid_name", "the name is not UTF-8")) from error

    def parameter(self, name: str) -> str | None:
        """A query parameter's one value. Raises RefusedError `invalid_request` for several."""
        values = [value for each, value in self.target.query if each == name]
        if len(values) > 1:
            raise _invalid(f"the parameter {name} is given {len(values)} times")
        return values[0] if values else None

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A whole-number parameter between `low` and `high`."""
        text = self.parameter(name)
        if text is None:
            return default
        if not re.fullmatch(r"[0-9]{1,16}", text) or not low <= int(text) <= high:
            raise _invalid(f"{name} is a whole number from {low:,} to {high:,}")
        return int(text)

    def flag(self, name: str) -> bool:
        """A parameter that is `true` or `false`; absent is false."""
        text = self.parameter(name)
        if text not in (None, "true", "false"):
            raise _invalid(f"{name} is true or false")
        return text == "true"

    def query_id(self) -> str:
        """The name of the query that this request asks."""
        return self.request[QUERY_ID]

    def header(self, name: str) -> str | None:
        """A header's one value. Raises RefusedError `invalid_request` for several."""
        values = self.request.headers.getall(name, [])
        if len(values) > 1:
            raise _invalid(f"the header {name} is given {len(values)} times")
        return values[0] if values else None

    def caller(self) -> Caller:
        """Who sent the request, and what it says of itself. Raises RefusedError.

        The idempotency key and the reason belong to changes; a read ignores them.
        """
        actor = checked_words(self.header("X-Actor"), "the header X-Actor")
        key = self.header("Idempotency-Key") if self.changes else None
        check_idempotency_key(key)
        reason = self.header("X-Change-Reason") if self.changes else None
        return Caller(
            actor=actor or DEFAULT_ACTOR,
            accepted_s=self.accepted_s,
            correlation=self.request_id,
            reason=checked_words(reason, "the header X-Change-Reason"),
            idempotency_key=key,
            route=f"{self.request.method} {unquote(self.target.path)}",
            query=self.target.query,
        )


def name_query(request: web.BaseRequest) -> None:
    """Name what asks a query, before anything is judged: the client's own name if it may be echoed."""
    if _path(request.raw_path)[0] == QUERIES:
        request[QUERY_ID] = identity_of(request.headers.get("Query-Id", ""))


def finish(request: web.BaseRequest, response: web.StreamResponse, identity: str) -> None:
    """Make an answer ready to go. A body that nobody read, or that broke off, ends its connection."""
    if response.prepared:
        return
    stamp(response, identity)
    if QUERY_ID in request:
        response.headers["Query-Id"] = request[QUERY_ID]
    if request.can_read_body or request.content.exception() is not None:
        response.force_close()


def stamp(response: web.StreamResponse, identity: str) -> None:
    """Set the headers that every answer carries."""
    response.headers["X-Request-Id"] = identity
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Server"] = "lakehouse"


def target(raw_path: str) -> Target:
    """Split a request target as sent, absolute form included."""
    path, query = _path(raw_path)
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=1_000)
    except ValueError as error:
        raise _invalid(f"the query string does not parse: {error}") from error
    return Target(path, tuple(pairs))


def _path(raw_path: str) -> tuple[str, str]:
    path, _, query = _ABSOLUTE.sub("", raw_path, count=1).partition("?")
    return path, query


def request_id(headers: Mapping[str, str]) -> str:
    """The client's own request id if it is one that may be echoed, else a new one."""
    return identity_of(headers.get("X-Request-Id", ""))


def identity_of(given: str) -> str:
    """`given` if it is a name that may be echoed, else a new one."""
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _invalid(detail: str) -> RefusedError:
    return RefusedError(Refused("invalid_request", detail))
