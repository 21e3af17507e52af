"""What a dead collector of traces costs: requests without one, and with one that refuses or hangs."""

import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles

from tests.bench.report import circumstances, table, write_section
from tests.bench.sql_servers import Server, serving

GOAL_MS = 1.0
ROUNDS, REQUESTS = 9, 400
ENDPOINT = "LAKEHOUSE_OTLP_ENDPOINT"


@contextmanager
def exporting(bucket: Path, endpoint: str | None) -> Iterator[Server]:
    """A server that sends its traces to an endpoint."""
    if endpoint is not None:
        os.environ[ENDPOINT] = endpoint
    try:
        with serving(bucket) as server:
            os.environ.pop(ENDPOINT, None)
            yield server
    finally:
        os.environ.pop(ENDPOINT, None)


def took_ms(server: Server) -> list[float]:
    """The milliseconds of each request, one after the other on one connection."""
    connection = HTTPConnection("127.0.0.1", server.port)
    found: list[float] = []
    for _ in range(REQUESTS):
        began_s = time.perf_counter()
        connection.request("GET", "/v1/catalog/list?summary=true")
        connection.getresponse().read()
        found.append((time.perf_counter() - began_s) * 1000)
    connection.close()
    return found


def main() -> None:
    """Measure, and write the section."""
    about = circumstances("tracing")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        hanging = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        refusing = stack.enter_context(socket.socket())
        refusing.bind(("127.0.0.1", 0))
        endpoints = {
            "no collector": None,
            "one that refuses": f"http://127.0.0.1:{refusing.getsockname()[1]}",
            "one that never answers": f"http://127.0.0.1:{hanging.getsockname()[1]}",
        }
        servers = {
            title: stack.enter_context(exporting(Path(name) / str(number), endpoint))
            for number, (title, endpoint) in enumerate(endpoints.items())
        }
        first = {title: server.resident_bytes() / 2**20 for title, server in servers.items()}
        rounds = [
            {title: took_ms(server) for title, server in servers.items()} for _ in range(ROUNDS)
        ]
        last = {title: server.resident_bytes() / 2**20 for title, server in servers.items()}
    bare_ms = median(_all(rounds, "no collector"))
    rows = [
        [
            title,
            f"{median(found) - bare_ms:+.2f}",
            f"{median(found):.2f}",
            f"{quantiles(found, n=100)[98]:.2f}",
            f"{last[title] - first[title]:.0f}",
        ]
        for title in endpoints
        for found in [_all(rounds, title)]
    ]
    header = ["collector", "p50 more, ms", "p50, ms", "p99, ms", "memory grown, MiB"]
    goal = f"{ROUNDS} turns of {REQUESTS:,} requests each. Goal: at most {GOAL_MS} ms more."
    write_section("Traces", "\n".join([about, "", goal, "", table(header, rows)]))


def _all(rounds: list[dict[str, list[float]]], title: str) -> list[float]:
    """The milliseconds of all requests of one server."""
    return [each for turn in rounds for each in turn[title]]


if __name__ == "__main__":
    main()
