"""Nearest rows: `ops/bench vectors [ROWS]`. `POST /v1/vectors/search` against bare DuckDB on the same file.

Both search the same vectors with the same queries, in turns, and must find the same rows. DuckDB reads its
own copy of the file with two threads and decides no ties.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import duckdb

from tests.bench.ingest_ways import serving
from tests.bench.report import circumstances, table, write_section
from tests.e2e.process import family

ROWS, NUMBERS, QUERIES, K = 200_000, 128, 5, 10
MAKE = """COPY (SELECT i AS id, list_transform(range({numbers}), lambda j:
    (hash(i * 1000 + j) % 2000000) / 1e6 - 1)::FLOAT[] AS v FROM range({rows}) t(i)) TO '{path}'"""
NEAREST = "SELECT id FROM '{path}' ORDER BY list_cosine_distance(v, $1::FLOAT[]) LIMIT {k}"


def main() -> None:
    """Measure, and write the section."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    about = circumstances("vectors")
    with tempfile.TemporaryDirectory() as made:
        lines = measured(Path(made), rows)
    head = ["search", "time against DuckDB", "ms", "DuckDB's ms", "most memory of a process, MB"]
    write_section("Nearest rows", f"{about}\n\n{table(head, lines)}")


def measured(into: Path, rows: int) -> list[list[str]]:
    """The line of the table."""
    path = into / "v.parquet"
    duck = duckdb.connect(config={"threads": "2"})
    duck.execute(MAKE.format(rows=rows, numbers=NUMBERS, path=path))
    ours_s, theirs_s = [], []
    with serving(into) as server:
        sent = server.client.request(
            "POST", "/v1/ingest?name=docs&format=parquet", path.read_bytes()
        )
        if sent.status != 200:
            raise SystemExit(str(sent))
        for number in range(QUERIES):
            query = [((n * 7919 + number * 31) % 2000) / 1000 - 1 for n in range(NUMBERS)]
            body = {"dataset": "docs", "column": "v", "vector": query, "k": K, "columns": ["id"]}
            began_s = time.perf_counter()
            answer = server.client.request("POST", "/v1/vectors/search", json.dumps(body).encode())
            middle_s = time.perf_counter()
            found = duck.execute(NEAREST.format(path=path, k=K), [query]).fetchall()
            ours_s.append(middle_s - began_s)
            theirs_s.append(time.perf_counter() - middle_s)
            if {row[0] for row in answer.json["rows"]} != {row[0] for row in found}:
                raise SystemExit(f"query {number} found other rows")
        peak = max(_peak_mb(pid) for pid in family(server.pids[0]))
    ours, theirs = median(ours_s), median(theirs_s)
    name = f"{K} of {rows:,} × {NUMBERS} floats, cosine, exact; median of {QUERIES}"
    return [[name, f"{ours / theirs:.2f}", f"{ours * 1e3:.0f}", f"{theirs * 1e3:.0f}", str(peak)]]


def _peak_mb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (peak,) = (line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) // 1024


if __name__ == "__main__":
    main()
