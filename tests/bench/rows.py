"""Changes of rows: `ops/bench rows [ROWS]`. Merge and delete of 1 % of them, against DuckLake and deltalake.

All three begin with the same Parquet file and change the same rows, in turns, with the same keys. Those
of `spread` are anywhere, those of `together` are neighbours. DuckLake runs in an environment of its own,
with the DuckDB that its extension was built for.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean

import deltalake
import duckdb
import pyarrow.parquet as pq

from tests.bench.ingest_ways import serving
from tests.bench.report import circumstances, table, write_section
from tests.e2e.process import Client, family

ROWS = 10_000_000
ROUNDS = 2
MB = 1024 * 1024
RIVAL = ("duckdb==1.5.5", "duckdb-extension-ducklake==1.5.5")
MAKE = """SELECT i AS id, i % 1000 AS store, i * 0.25 AS amount, 'text ' || (i % 5000) AS label,
    DATE '2026-01-01' + (i % 365)::INTEGER AS day, i % 7 = 0 AS flag, hash(i)::VARCHAR AS code,
    TIMESTAMP '2026-01-01' + to_seconds(i) AS at, (i % 100)::SMALLINT AS small, i::DOUBLE / 3 AS third
FROM range({rows}) t(i)"""
WAYS = {
    "spread": "hash(id + {number}) % 100 = 0",
    "together": "id >= {rows} * {number} // 10 AND id < {rows} * {number} // 10 + {rows} // 100",
}
SERVER, DELTA, DUCKLAKE = "lakehouse", "deltalake", "DuckLake"
BY_DUCKLAKE = """
import duckdb, sys, time
from duckdb_extension_ducklake import __file__ as here
from pathlib import Path
(extension,) = Path(here).parent.rglob("ducklake.duckdb_extension")
lake = duckdb.connect(config={"allow_unsigned_extensions": True})
lake.execute("SET threads = 2")
lake.execute("SET enable_progress_bar = false")
lake.execute(f"LOAD '{extension}'")
lake.execute(f"ATTACH 'ducklake:{sys.argv[1]}/catalog' AS l (DATA_PATH '{sys.argv[1]}/data')")
lake.execute(f"CREATE TABLE l.t AS FROM '{sys.argv[2]}'")
print("ready", flush=True)
for line in sys.stdin:
    began_s = time.perf_counter()
    lake.execute(line)
    print(time.perf_counter() - began_s, flush=True)
"""


class Peak:
    """The most memory that a process and its children had together, shared pages counted once."""

    def __init__(self, pid: int) -> None:
        self.size_bytes = 0
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            self.size_bytes = max(self.size_bytes, sum(map(_pss, family(self._pid))))


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as directory:
        seconds, peak = _measured(Path(directory), rows)
    cells = []
    for (what, name), ours in seconds.items():
        if name != SERVER:
            continue
        rivals = [seconds.get((what, rival)) for rival in (DUCKLAKE, DELTA)]
        ratios = [f"{mean(each) / mean(ours):.2f}" if each else "–" for each in rivals]
        times = [f"{mean(each):.2f} s" if each else "–" for each in (ours, *rivals)]
        cells.append([what, *ratios, *times])
    header = [
        f"1 % of {rows:,} rows × 10 columns",
        *("DuckLake ÷ lakehouse", "deltalake ÷ lakehouse"),
        *("lakehouse", DUCKLAKE, DELTA),
    ]
    body = (
        f"{circumstances('rows')}\n\n{table(header, cells)}\n\n"
        f"Means of {ROUNDS} rounds, wall. Peak of the server with its processes: {peak / MB:.0f} MB.\n"
        "DuckLake writes the positions of deleted rows and leaves its files; lakehouse and deltalake write\n"
        "the objects that held them anew, so that reads cost the same before and after."
    )
    write_section("Changing rows", body)
    print(body)


def _measured(into: Path, rows: int) -> tuple[dict[tuple[str, str], list[float]], int]:
    """Seconds by what was done and by whom, and the server's peak."""
    begin = into / "begin.parquet"
    duckdb.execute(f"COPY ({MAKE.format(rows=rows)}) TO '{begin}' (FORMAT parquet)")
    seconds: dict[tuple[str, str], list[float]] = {}
    with serving(into) as server, _ducklake(into, begin) as ducklake:
        client = server.client
        _send(client, "name=t&format=parquet", begin)
        deltalake.write_deltalake(into / "delta", pq.ParquetFile(begin).read())
        with Peak(server.pids[0]) as peak:
            for number in range(1, ROUNDS + 1):
                for way, condition in WAYS.items():
                    where = condition.format(number=number, rows=rows)
                    file = into / f"{way}-{number}.parquet"
                    changed = (
                        f"FROM (SELECT * REPLACE (0.5 AS amount) FROM '{begin}') WHERE {where}"
                    )
                    duckdb.execute(f"COPY ({changed}) TO '{file}' (FORMAT parquet)")
                    for name, found in (
                        (SERVER, _send(client, "name=t&format=parquet&mode=merge&key=id", file)),
                        (DUCKLAKE, ducklake(_merge_sql(file))),
                        (DELTA, _delta_merge(into / "delta", file)),
                    ):
                        seconds.setdefault((f"merge, {way}", name), []).append(found)
                where = WAYS["spread"].format(number=number + 100, rows=rows)
                for name, found in (
                    (SERVER, _delete(client, where)),
                    (DUCKLAKE, ducklake(f"DELETE FROM l.t WHERE {where}")),
                ):
                    seconds.setdefault(("delete, spread", name), []).append(found)
    return seconds, peak.size_bytes


def _send(client: Client, query: str, file: Path) -> float:
    began_s = time.perf_counter()
    answer = client.request("POST", f"/v1/ingest?{query}", file.read_bytes())
    if answer.status != 200:
        raise SystemExit(f"refused: {answer.body[:500]!r}")
    return time.perf_counter() - began_s


def _delete(client: Client, where: str) -> float:
    began_s = time.perf_counter()
    body = json.dumps({"name": "t", "where": where}).encode()
    answer = client.request("POST", "/v1/catalog/delete", body)
    if answer.status != 200:
        raise SystemExit(f"refused: {answer.body[:500]!r}")
    return time.perf_counter() - began_s


def _merge_sql(file: Path) -> str:
    matched = "WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT"
    return f"MERGE INTO l.t USING (FROM '{file}') u ON l.t.id = u.id {matched}"


def _delta_merge(place: Path, file: Path) -> float:
    began_s = time.perf_counter()
    merging = deltalake.DeltaTable(place).merge(
        pq.read_table(file), "t.id = s.id", source_alias="s", target_alias="t"
    )
    merging.when_matched_update_all().when_not_matched_insert_all().execute()
    return time.perf_counter() - began_s


@contextmanager
def _ducklake(into: Path, begin: Path) -> Iterator["_DuckLake"]:
    """DuckLake in a process of its own, with the same rows."""
    environment = into / "ducklake-environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = str(environment / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *RIVAL], check=True)
    (into / "ducklake").mkdir()
    process = subprocess.Popen(
        [python, "-c", BY_DUCKLAKE, str(into / "ducklake"), str(begin)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield _DuckLake(process)
    finally:
        process.kill()
        process.wait()


class _DuckLake:
    """Runs one statement after the other, and says how long each took."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._line()

    def __call__(self, sql: str) -> float:
        if self._process.stdin is None:
            raise TypeError("the process has no stdin")
        self._process.stdin.write(sql.replace("\n", " ") + "\n")
        self._process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise SystemExit("DuckLake has ended")
        return line


def _pss(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0  # it has ended
    return int(rollup.partition("\nPss:")[2].split()[0]) * 1024


if __name__ == "__main__":
    main()
