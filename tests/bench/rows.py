"""Changes of rows: `ops/bench rows [ROWS]`. Merge and delete of 1 % of them, against DuckLake and deltalake.

All three begin with the same Parquet file and change the same rows, in turns, with the same keys. Those
of `spread` are anywhere, those of `together` are neighbours. DuckLake runs in an environment of its own,
with the DuckDB that its extension was built for. Then the server alone changes most rows. Each kind of
change has its peak of memory.
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
from urllib.parse import quote

import deltalake
import duckdb
import pyarrow.parquet as pq

from tests.bench.ingest_ways import serving
from tests.bench.report import circumstances, table, write_section
from tests.e2e.process import Lakehouse, family

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
MOST = "hash(id + {number}) % 10 > 0"
"""90 % of the rows, anywhere."""
LIMIT_MB = 400
LOAD = "/v1/ingest?name=t&format=parquet"
DELETE, UPDATE = "/v1/catalog/delete", "/v1/catalog/update"
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


class Measured:
    """Seconds by what was done and by whom; the server's peaks by what was done."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, str], list[float]] = {}
        self.peaks: dict[str, int] = {}

    def add(self, what: str, name: str, seconds: float) -> None:
        self.seconds.setdefault((what, name), []).append(seconds)

    def change(self, server: Lakehouse, what: str, path: str, body: bytes) -> None:
        """Let the server make a change."""
        with Peak(server.pids[0]) as peak:
            began_s = time.perf_counter()
            answer = server.client.request("POST", path, body)
            self.add(what, SERVER, time.perf_counter() - began_s)
        if answer.status != 200:
            raise SystemExit(f"refused: {answer.body[:500]!r}")
        self.peaks[what] = max(peak.size_bytes, self.peaks.get(what, 0))


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as directory:
        measured = _measured(Path(directory), rows)
    body = (
        f"{circumstances('rows')}\n\n{_speeds(rows, measured)}\n\n"
        f"Means of {ROUNDS} rounds, wall.\n"
        "DuckLake writes the positions of deleted rows and leaves its files; lakehouse and deltalake write\n"
        "the objects that held them anew, so that reads cost the same before and after.\n\n"
        f"{_peaks(measured)}\n\n"
        "Peak of the server with all its processes, shared pages counted once; in this order, in one server."
    )
    write_section("Changing rows", body)
    print(body)


def _speeds(rows: int, measured: Measured) -> str:
    cells = []
    for (what, name), ours in measured.seconds.items():
        rivals = [measured.seconds.get((what, rival)) for rival in (DUCKLAKE, DELTA)]
        if name != SERVER or not any(rivals):
            continue
        ratios = [f"{mean(each) / mean(ours):.2f}" if each else "–" for each in rivals]
        times = [f"{mean(each):.2f} s" if each else "–" for each in (ours, *rivals)]
        cells.append([what, *ratios, *times])
    header = [
        f"1 % of {rows:,} rows × 10 columns",
        *("DuckLake ÷ lakehouse", "deltalake ÷ lakehouse"),
        *("lakehouse", DUCKLAKE, DELTA),
    ]
    return table(header, cells)


def _peaks(measured: Measured) -> str:
    cells = [
        [
            what,
            f"{peak / MB / LIMIT_MB:.2f}",
            f"{peak / MB:.0f} MB",
            f"{_mean_s(measured, what):.2f} s",
        ]
        for what, peak in measured.peaks.items()
    ]
    return table(["change", f"peak ÷ {LIMIT_MB} MB", "peak", "wall"], cells)


def _mean_s(measured: Measured, what: str) -> float:
    return mean(measured.seconds[what, SERVER])


def _measured(into: Path, rows: int) -> Measured:
    begin = into / "begin.parquet"
    duckdb.execute(f"COPY ({MAKE.format(rows=rows)}) TO '{begin}' (FORMAT parquet)")
    measured = Measured()
    with serving(into) as server:
        measured.change(server, "first load", LOAD, begin.read_bytes())
        with _ducklake(into, begin) as ducklake:
            deltalake.write_deltalake(into / "delta", pq.ParquetFile(begin).read())
            for number in range(1, ROUNDS + 1):
                _one_round(into, rows, number, measured, server, ducklake)
        _most_rows(into, begin, measured, server)
    return measured


def _one_round(
    into: Path,
    rows: int,
    number: int,
    measured: Measured,
    server: Lakehouse,
    ducklake: "_DuckLake",
) -> None:
    """The changes of 1 % of the rows, by each in turn."""
    begin = into / "begin.parquet"
    for way, condition in WAYS.items():
        where = condition.format(number=number, rows=rows)
        file = into / f"{way}-{number}.parquet"
        _copy_changed(begin, where, file)
        what = f"merge, {way}"
        measured.change(server, what, f"{LOAD}&mode=merge&key=id", file.read_bytes())
        measured.add(what, DUCKLAKE, ducklake(_merge_sql(file)))
        measured.add(what, DELTA, _delta_merge(into / "delta", file))
    where = WAYS["spread"].format(number=number + 100, rows=rows)
    what = "delete, spread"
    measured.change(server, what, DELETE, _json(where=where))
    measured.add(what, DUCKLAKE, ducklake(f"DELETE FROM l.t WHERE {where}"))


def _most_rows(into: Path, begin: Path, measured: Measured, server: Lakehouse) -> None:
    """Changes that DuckLake and deltalake do not make here: overwriting, and 90 % of the rows."""
    where = WAYS["spread"].format(number=1)
    _copy_changed(begin, where, into / "part.parquet")
    path = f"{LOAD}&mode=overwrite&where={quote(where)}"
    measured.change(server, "overwrite of 1 %", path, (into / "part.parquet").read_bytes())
    values = {"amount": "amount + 1", "label": "label || '!'"}
    body = _json(where=MOST.format(number=1), set=values)
    measured.change(server, "update of 90 %", UPDATE, body)
    measured.change(server, "delete of 90 %", DELETE, _json(where=MOST.format(number=2)))


def _copy_changed(begin: Path, where: str, file: Path) -> None:
    changed = f"FROM (SELECT * REPLACE (0.5 AS amount) FROM '{begin}') WHERE {where}"
    duckdb.execute(f"COPY ({changed}) TO '{file}' (FORMAT parquet)")


def _json(**members: object) -> bytes:
    return json.dumps({"name": "t"} | members).encode()


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
