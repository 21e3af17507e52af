"""The trace of one request: its id for the log and for events, and its span where one is recorded.

Must never put a query string, a header or a name from the path into a span.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

import structlog
from aiohttp import web

from lakehouse.tracing import TRACEPARENT, TRACESTATE, Attribute, trace_of
from lakehouse.web.http.exchange import TRACE_ID
from lakehouse.web.http.peer import Peer
from lakehouse.web.http.problems import REFUSED


class RequestSpan(Protocol):
    """A span that is completed when the answer is known."""

    trace_id: str
    traceparent: str
    """What a request below this span sends."""

    def finish(self, name: str, status: int, attributes: dict[str, Attribute]) -> None:
        """Name it, and set what is known of the answer."""
        ...


class Tracing(Protocol):
    """What records spans: `process.otlp`, or nothing."""

    def request(
        self, headers: dict[str, str], request_id: str
    ) -> AbstractContextManager[RequestSpan]:
        """The span of one request, below the client's own."""
        ...


@contextmanager
def traced(
    request: web.BaseRequest, request_id: str, tracing: Tracing | None
) -> Iterator[RequestSpan | None]:
    """Bind the request's and the trace's id to log entries, and begin its span."""
    sent = request.headers.get(TRACEPARENT)
    if (trace := trace_of(sent)) is not None:
        request[TRACE_ID] = trace
    headers = {
        name: value for name in (TRACEPARENT, TRACESTATE) if (value := request.headers.get(name))
    }
    begun = tracing.request(headers, request_id) if tracing is not None else nullcontext()
    with begun as span:
        bound = {"request_id": request_id}
        if span is not None or trace is not None:
            bound["trace_id"] = span.trace_id if span is not None else str(trace)
        with structlog.contextvars.bound_contextvars(**bound):
            yield span


def finish_span(
    span: RequestSpan,
    request: web.BaseRequest,
    request_id: str,
    route: tuple[str, str],
    status: int,
    peer: Peer,
) -> None:
    """Complete a request's span with what its answer is."""
    refused = request.get(REFUSED)
    attributes: dict[str, Attribute] = {
        "http.request.method": route[0],
        "http.route": route[1],
        "client.address": peer.address,
        "url.scheme": peer.scheme,
        "lakehouse.request_id": request_id,
    }
    if refused is not None:
        attributes["lakehouse.code"] = refused.code
    span.finish(" ".join(route), status, attributes)
