"""Traces (W3C Trace Context): the trace of the current request, and spans below it.

Owns where spans come from: nothing is recorded unless a door has begun a request with a tracer. Must
never put a statement, a name from a request's body or a secret into a span; needs no tracing library.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
Attribute = str | int | bool


class Tracer(Protocol):
    """The part of OpenTelemetry's tracer that is used here."""

    def start_as_current_span(
        self,
        name: str,
        *,
        attributes: dict[str, Attribute],
        record_exception: bool,
        set_status_on_exception: bool,
    ) -> AbstractContextManager[Any]:
        """Begin a span that is the parent of those begun inside."""
        ...

    def start_span(self, name: str, *, attributes: dict[str, Attribute]) -> Any:
        """Begin a span that is the parent of none; its `end` ends it."""
        ...


TRACER: ContextVar[Tracer | None] = ContextVar("TRACER", default=None)
"""The tracer of the current request; None where it is not traced."""


def trace_of(traceparent: str | None) -> str | None:
    """The trace id in a `traceparent` header; None without a valid one."""
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if match is None or not match[1].strip("0") or not match[2].strip("0"):
        return None
    return match[1]


@contextmanager
def span(name: str, **attributes: Attribute) -> Iterator[None]:
    """A span of the current request; nothing where it is not traced.

    Exceptions are not recorded: their messages may quote a statement.
    """
    tracer = TRACER.get()
    if tracer is None:
        yield
        return
    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ):
        yield


@contextmanager
def leaf_span(name: str, **attributes: Attribute) -> Iterator[None]:
    """As `span`, for work without spans below it; it may end in another task than it began in."""
    tracer = TRACER.get()
    if tracer is None:
        yield
        return
    begun = tracer.start_span(name, attributes=attributes)
    try:
        yield
    finally:
        begun.end()
