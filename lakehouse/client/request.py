"""What the client sends: one value for each call. Pure."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

JSON = "application/json"


class Request(msgspec.Struct, frozen=True):
    """A request below the lake's URL. `body` is JSON; an upload is passed beside the request."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    changes: bool = False
    """Whether it changes the lake: then it gets an idempotency key, so that it can be repeated."""

    @property
    def target(self) -> str:
        """Path and query, as they are sent."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


def get(path: str, **query: Any) -> Request:
    """A read."""
    return Request("GET", path, pairs(query))


def ask(path: str, body: Mapping[str, Any], query_id: str | None = None) -> Request:
    """A read whose parameters are a JSON body."""
    headers = (("Content-Type", JSON),)
    named_by = (("Query-Id", query_id),) if query_id is not None else ()
    return Request("POST", path, body=_json(body), headers=headers + named_by)


def change(
    method: str, path: str, body: Mapping[str, Any] | None = None, reason: str | None = None
) -> Request:
    """A change."""
    headers = (("Content-Type", JSON),) if body is not None else ()
    return Request(
        method, path, (), _json(body) if body is not None else None, headers + because(reason), True
    )


def because(reason: str | None) -> tuple[tuple[str, str], ...]:
    """The header that says why a change is made."""
    return (("X-Change-Reason", reason),) if reason is not None else ()


def pairs(query: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Parameters as a query string has them: None is left out, a list is repeated."""
    found: list[tuple[str, str]] = []
    for name, value in query.items():
        several = value if isinstance(value, list | tuple) else [value]
        found += [(name, _text(each)) for each in several if each is not None]
    return tuple(found)


def named(path: str, name: str) -> str:
    """A path that ends in a name."""
    return f"{path}/{quote(name, safe='')}"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json(body: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode({name: each for name, each in body.items() if each is not None})
