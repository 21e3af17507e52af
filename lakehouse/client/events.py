"""The lake's events, past and future.

Following resumes after the last event that was read, whatever happens to the connection or the server.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from lakehouse.client import http, request
from lakehouse.client.error import Error
from lakehouse.client.http import Http

HEARTBEAT_S = 35.0
"""A stream that sends nothing for so long is lost: there is a heartbeat every 10 s."""


class Event(msgspec.Struct, frozen=True):
    """A change of the lake."""

    seq: int
    at: str
    """When it was committed, in UTC."""
    type: str
    actor: str
    data: dict[str, Any]
    """The facts; their members depend on the type (journal/FORMAT.md)."""
    reason: str | None = None
    correlation: str | None = None
    """The request id of the change."""
    key: str | None = None
    """The idempotency key, if one was sent."""


class _Page(msgspec.Struct, frozen=True):
    events: list[Event]
    next: int | None


def pages(lake: Http, path: str, after: int, **query: Any) -> Iterator[Event]:
    """All events of a paged route that come after an event."""
    position: int | None = after
    while position is not None:
        page = lake.json(request.get(path, after=position, **query), _Page)
        yield from page.events
        position = page.next


def follow(lake: Http, after: int, **query: Any) -> Iterator[Event]:
    """The events after one, without end. Raises Error for a failure that a new connection cannot repair."""
    while True:
        asked = request.get("/v1/journal/stream", after=after, **query)
        try:
            response = lake.open(asked, read_s=HEARTBEAT_S)
            for event in _messages(response):
                after = event.seq
                yield event
        except Error as error:
            # Interrupted, or the server was down for a while: the next connection continues.
            if not error.retryable:
                raise


def _messages(response: Any) -> Iterator[Event]:
    """The events of one connection, up to its end."""
    buffered = b""
    for piece in http.pieces(response):
        *messages, buffered = (buffered + piece).split(b"\n\n")
        for message in messages:
            fields = dict(line.partition(b": ")[::2] for line in message.split(b"\n"))
            if fields.get(b"event") == b"end":
                return
            if data := fields.get(b"data"):
                yield msgspec.json.decode(data, type=Event)
