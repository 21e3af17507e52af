"""Spans to a collector by OTLP over HTTP, in the background: OpenTelemetry's SDK, bounded.

Owns the provider of one process. A collector that is slow or away costs a request nothing: at most
QUEUE spans wait, further ones are dropped. Must never be imported unless a collector is configured.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from lakehouse.tracing import TRACER, Attribute

QUEUE = 2_048
BATCH = 512
DELAY_S = 2.0
EXPORT_S = 5.0
"""How long one attempt to send a batch may take."""
PATH = "/v1/traces"
SERVER_ERROR = 500
_REQUEST_ID: ContextVar[str] = ContextVar("REQUEST_ID", default="")
_PROPAGATOR = TraceContextTextMapPropagator()


class _RequestIds(RandomIdGenerator):
    """A trace that begins here has the id of its request, which is also in events and in the log."""

    def generate_trace_id(self) -> int:
        try:
            id_ = int(_REQUEST_ID.get(), 16) if len(_REQUEST_ID.get()) == 32 else 0
        except ValueError:
            id_ = 0
        return id_ or super().generate_trace_id()


class Tracing:
    """The tracer of one process."""

    def __init__(self, exporter: SpanExporter) -> None:
        resource = Resource.create(
            {"service.name": "lakehouse", "service.version": version("lakehouse")}
        )
        self._provider = TracerProvider(
            resource=resource, id_generator=_RequestIds(), shutdown_on_exit=False
        )
        processor = BatchSpanProcessor(
            exporter,
            max_queue_size=QUEUE,
            max_export_batch_size=BATCH,
            schedule_delay_millis=DELAY_S * 1000,
        )
        self._provider.add_span_processor(processor)
        self._processor = processor
        self._tracer = self._provider.get_tracer("lakehouse", version("lakehouse"))

    @contextmanager
    def request(self, headers: Mapping[str, str], request_id: str) -> Iterator["RequestSpan"]:
        """The span of one request, below the client's own if it sends `traceparent`."""
        parent = _PROPAGATOR.extract(headers)
        named, traced = _REQUEST_ID.set(request_id), TRACER.set(self._tracer)
        try:
            with self._tracer.start_as_current_span(
                "request",
                context=parent,
                kind=SpanKind.SERVER,
                record_exception=False,
                set_status_on_exception=False,
            ) as span:
                yield RequestSpan(span)
        finally:
            TRACER.reset(traced)
            _REQUEST_ID.reset(named)

    def close(self, within_s: float) -> None:
        """Send what is pending, for at most about that long. Blocks."""
        self._processor._batch_processor.shutdown(timeout_millis=round(within_s * 1000))
        self._provider.shutdown()


class RequestSpan:
    """The span of a request, completed when its answer is known."""

    def __init__(self, span: Span) -> None:
        self._span = span
        context = span.get_span_context()
        self.trace_id = f"{context.trace_id:032x}"
        self.traceparent = f"00-{self.trace_id}-{context.span_id:016x}-{context.trace_flags:02x}"

    def finish(self, name: str, status: int, attributes: Mapping[str, Attribute]) -> None:
        """Name the span after its route, and set what is known of the answer."""
        self._span.update_name(name)
        self._span.set_attributes({**attributes, "http.response.status_code": status})
        if status >= SERVER_ERROR:
            self._span.set_status(StatusCode.ERROR)


def to_collector(endpoint: str, headers: Mapping[str, str]) -> Tracing:
    """Tracing to the collector at `endpoint`, which is its base or its `/v1/traces`."""
    url = endpoint.rstrip("/")
    if not url.endswith(PATH):
        url += PATH
    return Tracing(OTLPSpanExporter(endpoint=url, headers=dict(headers), timeout=EXPORT_S))
