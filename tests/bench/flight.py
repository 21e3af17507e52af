"""Flight SQL against our own HTTP Arrow: `ops/bench flight [--rows 4000000] [--rounds 5]`.

One server, one dataset, the same statement in turns, never the same text twice. Each way ends with a
pyarrow table in the client.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import adbc_driver_flightsql.dbapi as flight_sql
import duckdb
import msgspec
import pyarrow as pa
import pyarrow.flight as fl

from lakehouse.flight.commands import pack
from lakehouse.flight.wire import length_field
from tests.bench.report import circumstances, table, write_section
from tests.e2e.process import family

ROWS = 4_000_000
MAKE = """SELECT i AS id, i % 1000 AS store, i * 0.25 AS amount, 'text ' || (i % 5000) AS label,
    DATE '2026-01-01' + (i % 365)::INTEGER AS day FROM range({rows}) t(i)"""
TICKS = os.sysconf("SC_CLK_TCK")
MB = 1024 * 1024


class Ports(msgspec.Struct, frozen=True):
    """A running server."""

    pid: int
    http: int
    flight: int


class Run(msgspec.Struct, frozen=True):
    """One answer: seconds until the client had its table, and CPU of all processes of the server."""

    took_s: float
    cpu_s: float


def main() -> None:
    """Measure in turns, and write the section."""
    parser = argparse.ArgumentParser(description="Measure Flight SQL against HTTP Arrow.")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    where = circumstances("flight")
    with tempfile.TemporaryDirectory() as directory, served(Path(directory)) as ports:
        load(ports, Path(directory), given.rows)
        runs: dict[str, list[Run]] = {name: [] for name in WAYS}
        for number in range(given.rounds + 1):
            for name, way in WAYS.items():
                run = measured(ports, way, number * len(WAYS) + list(WAYS).index(name), given.rows)
                if number:  # the first of each only warms it up
                    runs[name].append(run)
    body = f"{where}\n\n{given.rows:,} rows of five columns, {given.rounds} rounds in turns.\n\n"
    write_section("Flight SQL", body + shown(runs, given.rows))


def shown(runs: dict[str, list[Run]], rows: int) -> str:
    """The table. Ratios first: the median of the rounds, and of the fastest round of each way."""
    lines = []
    for name, found in runs.items():
        pairs = zip(runs[HTTP], found, strict=True)
        ratio = median(http.took_s / run.took_s for http, run in pairs)
        fastest_s = min(run.took_s for run in found)
        best = min(run.took_s for run in runs[HTTP]) / fastest_s
        used_s = median(run.cpu_s for run in found)
        middle_s = median(run.took_s for run in found)
        speed = f"{rows / fastest_s / 1e6:.1f} M/s"
        times = f"{fastest_s:.2f} s, {middle_s:.2f} s"
        lines.append([name, f"{ratio:.2f}", f"{best:.2f}", speed, times, f"{used_s:.2f} s"])
    header = [
        "way",
        "÷ HTTP, by round",
        "fastest ÷ fastest",
        "rows",
        "fastest, median",
        "server CPU",
    ]
    return table(header, lines)


def measured(ports: Ports, way: Callable[[Ports, str], pa.Table], number: int, rows: int) -> Run:
    before_s, began_s = cpu_s(ports.pid), time.perf_counter()
    found = way(ports, f"SELECT * FROM sold WHERE id <> {-1 - number}")
    took_s = time.perf_counter() - began_s
    if found.num_rows != rows:
        raise RuntimeError(f"{found.num_rows:,} rows came instead of {rows:,}")
    return Run(took_s, cpu_s(ports.pid) - before_s)


def by_http(ports: Ports, sql: str) -> pa.Table:
    connection = http.client.HTTPConnection("127.0.0.1", ports.http)
    body = json.dumps({"sql": sql, "format": "arrow"})
    connection.request("POST", "/v1/sql", body, {"Content-Type": "application/json"})
    whole = connection.getresponse().read()
    connection.close()
    return pa.ipc.open_stream(whole).read_all()


def by_adbc(ports: Ports, sql: str) -> pa.Table:
    uri = f"grpc://127.0.0.1:{ports.flight}"
    with flight_sql.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetch_arrow_table()


def by_pyarrow(ports: Ports, sql: str) -> pa.Table:
    command = pack("CommandStatementQuery", length_field(1, sql.encode()))
    with fl.connect(("127.0.0.1", ports.flight)) as client:
        [endpoint] = client.get_flight_info(fl.FlightDescriptor.for_command(command)).endpoints
        return client.do_get(endpoint.ticket).read_all()


HTTP = "HTTP, http.client"
WAYS: dict[str, Callable[[Ports, str], pa.Table]] = {
    HTTP: by_http,
    "Flight SQL, ADBC driver": by_adbc,
    "Flight SQL, pyarrow.flight": by_pyarrow,
}


def load(ports: Ports, directory: Path, rows: int) -> None:
    """Make the dataset."""
    path = directory / "sold.parquet"
    duckdb.execute(f"COPY ({MAKE.format(rows=rows)}) TO '{path}' (FORMAT parquet)")
    connection = http.client.HTTPConnection("127.0.0.1", ports.http)
    with path.open("rb") as file:
        headers = {
            "Content-Type": "application/vnd.apache.parquet",
            "Content-Length": str(path.stat().st_size),
        }
        connection.request("POST", "/v1/ingest?name=sold", file, headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(answer.read().decode())
    connection.close()


@contextmanager
def served(directory: Path) -> Iterator[Ports]:
    """`lakehouse serve` with both doors, in a process of its own."""
    words = ["serve", "--port", "0", "--flight-port", "0", "--bucket", str(directory / "bucket")]
    command = [sys.executable, "-m", "lakehouse", *words, "--log-level", "info"]
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(command, stderr=log)
    try:
        found: dict[str, int] = {}
        while len(found) < 2:
            time.sleep(0.1)
            entries = [json.loads(line) for line in (directory / "log").read_text().splitlines()]
            up = [each for each in entries if each["event"] == "listening"]
            found = {each.get("door", "http"): each["port"] for each in up}
        yield Ports(process.pid, found["http"], found["flight"])
    finally:
        process.terminate()
        process.wait(30)


def cpu_s(pid: int) -> float:
    """CPU that a process and its children have used."""
    used = 0
    for each in family(pid):
        parts = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        used += int(parts[11]) + int(parts[12])
    return used / TICKS


if __name__ == "__main__":
    main()
