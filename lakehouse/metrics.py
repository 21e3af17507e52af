"""Metrics of this process in Prometheus's text format.

Gauges are read when they are scraped. Labels come from the route table and the status codes, never
from a client, so their number is bounded.
"""

from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    120.0,
)

Standing = tuple[str, str, float]
"""A name, its meaning and its current value; one whose name ends in `_total` only grows."""


class Metrics:
    """The metrics of one process. `standing` returns the current values."""

    def __init__(self, standing: Callable[[], Iterable[Standing]]) -> None:
        self.registry = CollectorRegistry()
        self._answers = Counter(
            "lakehouse_http_answers",
            "Requests answered; status 499 means that the client disconnected.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "lakehouse_http_answer_seconds",
            "Time from the head of a request to the end of its answer.",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._by_answer: dict[tuple[str, str, int], Counter] = {}
        self._by_route: dict[str, Histogram] = {}
        """The series by their labels: finding them there takes longer than counting."""
        self.registry.register(_Standing(standing))
        ProcessCollector(registry=self.registry)

    def answered(self, method: str, route: str, status: int, took_s: float) -> None:
        """Count an answered request; `method` and `route` are those of the route table."""
        answers = self._by_answer.get((method, route, status))
        if answers is None:
            answers = self._answers.labels(method, route, str(status))
            self._by_answer[method, route, status] = answers
        answers.inc()
        seconds = self._by_route.get(route)
        if seconds is None:
            seconds = self._by_route[route] = self._seconds.labels(route)
        seconds.observe(took_s)

    def text(self) -> bytes:
        """All metrics in the text format."""
        return generate_latest(self.registry)


class _Standing(Collector):
    def __init__(self, standing: Callable[[], Iterable[Standing]]) -> None:
        self._standing = standing

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily(
            "lakehouse_build_info", "1, labelled with the version.", labels=["version"]
        )
        build.add_metric([version("lakehouse")], 1)
        yield build
        for name, detail, value in self._standing():
            grows = name.endswith("_total")
            yield (CounterMetricFamily if grows else GaugeMetricFamily)(name, detail, value=value)
