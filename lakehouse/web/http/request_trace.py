"""The trace of one request: its id for the log and for events, and its span where one is recorded.

Must never put a query string, a header or a name from the path into a span.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import structlog
from aiohttp import web

from lakehouse.tracing import TRACEPARENT, TRACESTATE, Attribute, trace_of
from lakehouse.web.http.connections.peer import Peer
from lakehouse.web.http.exchange import TRACE_ID
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
    """Records spans: `process.otlp`, or an implementation that records none."""

    def request(
        self, headers: dict[str, str], request_id: str
    ) -> AbstractContextManager[RequestSpan]:
        """The span of one request, below the client's own."""
        ...


@contextmanager
def traced(
    request: web.BaseRequest, request_id: str, tracing: Tracing | None
) -> Iterator[RequestSpan | None]:
    """Bind the request's and the trace's id to log entries, and begin its span.

    They stay bound: each request is answered in a task, and so in a context, of its own.
    """
    sent = request.headers.get(TRACEPARENT)
    trace = trace_of(sent) if sent is not None else None
    structlog.contextvars.bind_contextvars(request_id=request_id)
    if trace is not None:
        request[TRACE_ID] = trace
        structlog.contextvars.bind_contextvars(trace_id=trace)
    if tracing is None:
        yield None
        return
    headers = {
        name: value for name in (TRACEPARENT, TRACESTATE) if (value := request.headers.get(name))
    }
    with tracing.request(headers, request_id) as span:
        structlog.contextvars.bind_contextvars(trace_id=span.trace_id)
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
