"""Metrics, in Prometheus's text format: what this process has answered, and how it stands now.

How things stand is read when it is asked for, so that nothing has to be kept up to date. Labels
come from the route table and the status codes, never from a client: their number is bounded.
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
"""A name, what it means, and its value now; a name that ends in `_total` only ever grows."""


class Metrics:
    """The metrics of one process. `standing` tells how things stand whenever it is called."""

    def __init__(self, standing: Callable[[], Iterable[Standing]]) -> None:
        self.registry = CollectorRegistry()
        self._answers = Counter(
            "lakehouse_http_answers",
            "Requests answered; status 499 is a client that went away.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "lakehouse_http_answer_seconds",
            "From a request's head to the end of its answer.",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.registry.register(_Standing(standing))
        ProcessCollector(registry=self.registry)

    def answered(self, method: str, route: str, status: int, took_s: float) -> None:
        """One request has been answered; `method` and `route` are the route's own."""
        self._answers.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(took_s)

    def text(self) -> bytes:
        """All of them, as Prometheus scrapes them."""
        return generate_latest(self.registry)


class _Standing(Collector):
    def __init__(self, standing: Callable[[], Iterable[Standing]]) -> None:
        self._standing = standing

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily(
            "lakehouse_build_info", "1, with the version.", labels=["version"]
        )
        build.add_metric([version("lakehouse")], 1)
        yield build
        for name, detail, value in self._standing():
            grows = name.endswith("_total")
            yield (CounterMetricFamily if grows else GaugeMetricFamily)(name, detail, value=value)
