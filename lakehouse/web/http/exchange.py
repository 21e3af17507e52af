"""One request as the handlers see it: target, parameters, headers, caller. Extracts and checks only."""

import re
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

import msgspec
from aiohttp import web

from lakehouse.api.headers import ChangeHeaders, ReadHeaders
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.validation import check_idempotency_key, checked_words
from lakehouse.service.access.authentication import Identity
from lakehouse.service.caller import CLI, HTTP, Caller
from lakehouse.web.http.cors import allow
from lakehouse.web.http.parameters import headers_of, query_of, refuse_unknown

if TYPE_CHECKING:
    from lakehouse.web.router import Surface

T = TypeVar("T", bound=msgspec.Struct)

DEFAULT_ACTOR = "local"

_ABSOLUTE = re.compile(r"\Ahttps?://[^/?#]*", re.IGNORECASE)
_STRICT = ("/v1/", "/mcp")
"""Routes whose paths begin so refuse parameters that they do not have."""
QUERIES = ("/v1/sql", "/v1/vectors/search", "/v1/catalog/derive", "/v1/catalog/refresh", "/mcp")
TARGET = web.RequestKey("TARGET", str)
"""Set on every request: its target as sent, with the path that the route table has."""
QUERY_ID = web.RequestKey("QUERY_ID", str)
"""Set on a request that runs a query; every answer to it has this id."""
COUNTED_BYTES = web.RequestKey("COUNTED_BYTES", int)
"""Set on a request whose principal was charged for so many bytes while it was answered."""
TRACE_ID = web.RequestKey("TRACE_ID", str)
"""Set on a request with a valid `traceparent`: the id of its trace."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Target(msgspec.Struct, frozen=True):
    """A request's target as sent: the path still percent-encoded, the query decoded to pairs."""

    path: str
    query: tuple[tuple[str, str], ...]


class Exchange:
    """One request: aiohttp's request, its target, and the route that it matched."""

    def __init__(
        self,
        request: web.BaseRequest,
        request_id: str,
        accepted_s: float,
        surface: "Surface",
    ) -> None:
        self.request = request
        self.request_id = request_id
        self.surface = surface
        """The routes of this process."""
        self.target = target(request[TARGET])
        self.route, self.tail = surface.match(request.method, self.target.path)
        """`tail`: what followed the route's fixed part, still percent-encoded."""
        self.identity = Identity()
        """Who was authenticated."""
        self._accepted_s = accepted_s
        self._caller: Caller | None = None
        self._sent: ReadHeaders | None = None

    async def begin(self, response: web.StreamResponse) -> None:
        """Send an answer's head; its body follows in pieces."""
        finish(self.request, response, self.request_id)
        await response.prepare(self.request)

    def query(self, shape: type[T]) -> T:
        """The query string. Raises RefusedError `invalid_request`."""
        self.route.expect(self.route.query, shape)
        return query_of(shape, self.target.query)

    def headers(self, shape: type[T]) -> T:
        """The route's own headers. Raises RefusedError `invalid_request`."""
        self.route.expect(self.route.headers, shape)
        return headers_of(shape, self.request.headers)

    def check_parameters(self) -> None:
        """Raises RefusedError `invalid_request` for a parameter that the route does not have.

        A misspelled `as_of` would be answered with the present, a misspelled `mode` would replace a dataset.
        Elsewhere any is ignored: engines send parameters of their own to Iceberg, monitoring to `/health`,
        and programs in which people write to each other add some to links to pages.
        """
        if self.route.changes:
            self._refuse_dry_run()
        if self.route.path.startswith(_STRICT):
            refuse_unknown(self.route.query, (name for name, _ in self.target.query))

    def min_seq(self) -> int | None:
        """The event that the answer must include. Raises RefusedError `invalid_request`."""
        return self._read_headers().min_seq

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

    def query_id(self) -> str:
        """The id of the query that this request runs."""
        return self.request[QUERY_ID]

    def caller(self) -> Caller:
        """The caller, and the actor, reason and idempotency key that its headers give. Raises
        RefusedError.

        The idempotency key and the reason belong to changes; a read ignores them.
        """
        if self._caller is None:
            self._caller = self._read_caller()
        return self._caller

    def _read_caller(self) -> Caller:
        key, reason = None, None
        sent: ChangeHeaders | ReadHeaders
        if self.route.changes:
            sent = headers_of(ChangeHeaders, self.request.headers)
            key, reason = sent.idempotency_key, sent.reason
        else:
            sent = self._read_headers()
        claimed = checked_words(sent.actor, "the header X-Actor")
        principal = self.identity.principal
        check_idempotency_key(key)
        return Caller(
            actor=principal or claimed or DEFAULT_ACTOR,
            principal=principal,
            token=self.identity.token,
            signed_until=self.identity.signed_until,
            door=CLI if self.identity.holds_bucket else HTTP,
            on_behalf_of=claimed if principal else None,
            client_query_id=self._client_query_id() if principal else None,
            accepted_s=self._accepted_s,
            correlation=self.request.get(TRACE_ID, self.request_id),
            reason=checked_words(reason, "the header X-Change-Reason"),
            idempotency_key=key,
            route=f"{self.request.method} {unquote(self.target.path)}",
            query=self.target.query,
        )

    def _refuse_dry_run(self) -> None:
        """Raises RefusedError for `dry_run` among parameters that are not read: it would be no dry run."""
        shape, body = self.route.query, self.route.body
        if "dry_run" in _fields(shape) or all(name != "dry_run" for name, _ in self.target.query):
            return
        detail = "this change has no dry run: dry_run is not a parameter of it; nothing was changed"
        if "dry_run" in _fields(body):
            detail = "dry_run belongs in the JSON body, not in the query; nothing was changed"
        raise RefusedError(Refused("invalid_request", detail))

    def _read_headers(self) -> ReadHeaders:
        if self._sent is None:
            self._sent = headers_of(ReadHeaders, self.request.headers)
        return self._sent

    def _client_query_id(self) -> str | None:
        given = self.request.headers.get("Query-Id", "")
        return given if _REQUEST_ID.fullmatch(given) else None


def name_query(request: web.BaseRequest, *, chosen_by_client: bool) -> None:
    """Give a request that runs a query its id, before anything is checked: the client's own if valid."""
    if _path(request[TARGET])[0] in QUERIES:
        own = request.headers.get("Query-Id", "") if chosen_by_client else ""
        request[QUERY_ID] = identity_of(own)


def finish(request: web.BaseRequest, response: web.StreamResponse, identity: str) -> None:
    """Complete an answer's head. A body that was not read, or that broke off, closes the connection."""
    if response.prepared:
        return
    stamp(response, identity)
    allow(request, response)
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
    if not query:
        return Target(path, ())
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=1_000)
    except ValueError as error:
        raise _invalid(f"the query string cannot be parsed: {error}") from error
    return Target(path, tuple(pairs))


def _path(raw_path: str) -> tuple[str, str]:
    path, _, query = split_authority(raw_path)[1].partition("?")
    return path, query


def split_authority(raw_target: str) -> tuple[str, str]:
    """A request target as sent, split into the authority of an absolute form and the rest."""
    if raw_target.startswith("/"):
        return "", raw_target
    found = _ABSOLUTE.match(raw_target)
    return (found[0], raw_target[found.end() :]) if found else ("", raw_target)


def request_id(headers: Mapping[str, str]) -> str:
    """The client's own request id if it is valid, else a new one."""
    return identity_of(headers.get("X-Request-Id", ""))


def identity_of(given: str) -> str:
    """`given` if it is a valid id, else a new one."""
    return given if given and _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def _invalid(detail: str) -> RefusedError:
    return RefusedError(Refused("invalid_request", detail))


def _fields(shape: object) -> tuple[str, ...]:
    """The fields of a struct; none of a body that is no JSON."""
    return getattr(shape, "__struct_fields__", ())
