"""Traces: the trace id in events, log and spans; what reaches a collector; and a collector that is away."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lake_server import Lake, running_lake
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from otlp_collector import Collector
from structlog.testing import LogCapture

from lakehouse.process import otlp
from lakehouse.tracing import trace_of

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
SECRET = "s3cr3t-v4lue"


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (TRACEPARENT, TRACE),
        (f"00-{TRACE}-{PARENT}-00", TRACE),
        (f"01-{TRACE}-{PARENT}-01-later", TRACE),
        (None, None),
        ("", None),
        (f"ff-{TRACE}-{PARENT}-01", None),
        (f"00-{'0' * 32}-{PARENT}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{PARENT}-01", None),
        (f"00-{TRACE[1:]}-{PARENT}-01", None),
        (f"{TRACEPARENT}\n", None),
        ("00", None),
    ],
)
def test_the_trace_id_of_a_header(header: str | None, found: str | None) -> None:
    assert trace_of(header) == found


def correlation(lake: Lake, seq: int) -> str:
    page = lake.ask("GET", f"/v1/journal/events?after={seq - 1}&limit=1").json
    return str(page["events"][0]["correlation"])


def test_the_trace_id_is_in_the_event_and_in_the_log_line(lake: Lake, logged: LogCapture) -> None:
    headers = {"traceparent": TRACEPARENT, "X-Request-Id": "req-7"}
    answer = lake.put("traced", b"x", headers)
    assert answer.headers["X-Request-Id"] == "req-7"
    assert correlation(lake, answer.seq) == TRACE
    entry = next(each for each in logged.entries if each.get("request_id") == "req-7")
    assert entry["trace_id"] == TRACE


@pytest.mark.parametrize("header", [None, "nonsense", f"00-{'0' * 32}-{PARENT}-01"])
def test_without_a_valid_trace_the_event_has_the_request_id(
    lake: Lake, logged: LogCapture, header: str | None
) -> None:
    sent = {"X-Request-Id": "req-8"} | ({"traceparent": header} if header else {})
    answer = lake.put(f"untraced-{header}", b"x", sent)
    assert correlation(lake, answer.seq) == "req-8"
    entry = next(each for each in logged.entries if each.get("request_id") == "req-8")
    assert "trace_id" not in entry


@contextmanager
def traced_lake(bucket: Path, tracing: otlp.Tracing, **settings: Any) -> Iterator[Lake]:
    with running_lake(bucket, tracing=tracing, otlp_endpoint="http://unused", **settings) as lake:
        yield lake


def test_a_collector_gets_the_request_the_worker_the_commit_and_the_store(tmp_path: Path) -> None:
    collector = Collector()
    try:
        tracing = otlp.to_collector(collector.url, {"authorization": f"Basic {SECRET}x"})
        with traced_lake(tmp_path / "bucket", tracing) as lake:
            sent = {"traceparent": TRACEPARENT, "Authorization": f"Bearer lh_a_{SECRET}"}
            lake.ask("POST", "/v1/ingest?name=t", f"a\n{SECRET}\n".encode(), sent)
            lake.sql(f"SELECT '{SECRET}' AS a, * FROM t", sent)
            lake.sql(f"SELEC '{SECRET}'", sent)
            own = lake.put("own", b"x")
        tracing.close(10)
    finally:
        collector.close()
    assert set(collector.paths) == {"/v1/traces"}
    assert collector.headers[0]["authorization"] == f"Basic {SECRET}x"
    assert not [body for body in collector.bodies if SECRET.encode() in body]
    spans = collector.spans()
    mine = [span for span in spans if span.trace_id.hex() == TRACE]
    roots = {span.name: span for span in mine if span.parent_span_id.hex() == PARENT}
    assert roots.keys() == {"POST /v1/ingest", "POST /v1/sql"}
    children = {(span.parent_span_id, span.name) for span in mine}
    ingest = roots["POST /v1/ingest"].span_id
    assert (ingest, "commit") in children
    assert (ingest, "store upload") in children
    assert "query worker" in {name for _, name in children}
    assert own.headers["X-Request-Id"] in {span.trace_id.hex() for span in spans}
    attributes = {each.key: each.value for each in roots["POST /v1/ingest"].attributes}
    assert attributes["http.response.status_code"].int_value == 200
    codes = [each.value.string_value for span in mine for each in span.attributes
             if each.key == "lakehouse.code"]  # fmt: skip
    assert codes == ["sql_error"]


class Stuck(SpanExporter):
    """A collector that never answers."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.let_go = threading.Event()

    def export(self, spans: object) -> SpanExportResult:
        self.asked.set()
        self.let_go.wait(60)
        return SpanExportResult.FAILURE


def test_a_collector_that_never_answers_holds_nothing_up_and_memory_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp, "QUEUE", 8)
    monkeypatch.setattr(otlp, "BATCH", 4)
    exporter = Stuck()
    tracing = otlp.Tracing(exporter)
    try:
        with traced_lake(tmp_path / "bucket", tracing, queries=False) as lake:
            for number in range(50):
                assert lake.put(f"key-{number}", b"x").status == 200
            assert exporter.asked.wait(60)
            assert len(tracing._processor._batch_processor._queue) <= 8
            assert lake.get("key-0").status == 200
    finally:
        exporter.let_go.set()
        tracing.close(10)


def test_an_error_of_the_server_is_one_in_its_span(tmp_path: Path) -> None:
    kept: list[ReadableSpan] = []

    class Kept(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            kept.extend(spans)
            return SpanExportResult.SUCCESS

    tracing = otlp.Tracing(Kept())
    with traced_lake(tmp_path / "bucket", tracing, queries=False, audit="all") as lake:
        lake.put("a", b"x")
        lake.get("a")
        lake.service.audit.log._oldest_s = float("-inf")
        assert lake.get("a").status == 503
    tracing.close(10)
    found = [span for span in kept if span.name == "GET /v1/storage/get/{key}"]
    assert [span.status.is_ok for span in found] == [True, False]
    assert json.dumps([dict(span.attributes or {}) for span in found])
    assert not [event for span in kept for event in span.events]
