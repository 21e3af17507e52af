"""A large derivation: `ops/bench derive [ROWS]`. Seconds, and the peak memory of the server and its workers.

A dataset of ten columns is derived from nothing, then another from it by a join and a group, against
DuckDB's own COPY of the same statement to Parquet in a process of its own.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.bench.ingest_ways import peak_bytes, serving
from tests.bench.report import CHECKOUT, circumstances, table, write_section
from tests.e2e.process import Lakehouse

ROWS = 10_000_000
MB = 1024 * 1024
MAKE = """SELECT i AS id, i % 1000 AS store, i * 0.25 AS amount, 'text ' || (i % 5000) AS label,
    DATE '2026-01-01' + (i % 365)::INTEGER AS day, i % 7 = 0 AS flag, hash(i)::VARCHAR AS code,
    TIMESTAMP '2026-01-01' + to_seconds(i) AS at, (i % 100)::SMALLINT AS small, i::DOUBLE / 3 AS third
FROM range({rows}) t(i)"""
AGAIN = "SELECT * REPLACE (amount * 2 AS amount) FROM made WHERE store <> 7"
BY_DUCKDB = """
import duckdb, json, resource, sys, time
began_s = time.perf_counter()
duckdb.execute("SET threads = 2")
duckdb.execute(f"COPY ({sys.argv[1]}) TO '{sys.argv[2]}' (FORMAT parquet)")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps([time.perf_counter() - began_s, peak]))
"""


class Run(NamedTuple):
    """One derivation. `server` and `workers`: peak bytes of the server, and of its largest worker."""

    seconds: float
    server: int
    workers: int


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as directory:
        into = Path(directory)
        with serving(into) as lakehouse:
            made = _derived(lakehouse, "made", MAKE.format(rows=rows))
            again = _derived(lakehouse, "again", AGAIN)
        rival = _by_duckdb(MAKE.format(rows=rows), into / "rival.parquet")
    cells = [
        [name, f"{run.seconds:.1f} s", f"{run.server / MB:.0f} MB", f"{run.workers / MB:.0f} MB"]
        for name, run in (
            ("from nothing", made),
            ("from the first", again),
            ("DuckDB's COPY, from nothing", rival),
        )
    ]
    header = [f"{rows:,} rows × 10 columns", "wall", "server's peak", "largest worker's peak"]
    ratio = rival.seconds / made.seconds
    body = f"{circumstances('derive')}\n\nDuckDB's COPY ÷ derive, wall: {ratio:.2f}.\n\n"
    write_section("Deriving", body + table(header, cells))
    print(body + table(header, cells))


def _derived(lakehouse: Lakehouse, name: str, sql: str) -> Run:
    began_s = time.perf_counter()
    body = json.dumps({"name": name, "sql": sql}).encode()
    answer = lakehouse.client.request("POST", "/v1/catalog/derive", body)
    seconds = time.perf_counter() - began_s
    if answer.status != 200:
        raise SystemExit(f"refused: {answer.body[:500]!r}")
    server, *workers = lakehouse.pids
    return Run(seconds, peak_bytes(server), max(map(peak_bytes, workers)))


def _by_duckdb(sql: str, parquet: Path) -> Run:
    done = subprocess.run(
        [sys.executable, "-c", BY_DUCKDB, sql, str(parquet)],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
    )
    seconds, peak = json.loads(done.stdout.splitlines()[-1])
    return Run(seconds, peak, 0)


if __name__ == "__main__":
    main()
