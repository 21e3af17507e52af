"""Ingest of the made-up workers through a real server, beside DuckDB's own COPY of the same file.

    python -m tests.bench.ingest [--rows 500000] [--rounds 5]

Ends with an error, and writes nothing, when our answers are not what stands in the file.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import duckdb

from tests.bench.report import CHECKOUT, circumstances, table, write_section
from tests.bench.workers import write_workers
from tests.e2e.process import Lakehouse
from tests.s3_server import free_ports

MB = 1_000_000
QUESTION = "SELECT role, count(*) FROM {} WHERE state = 'IL' GROUP BY role ORDER BY role"
FACTS = """SELECT count(*), count(*) FILTER (zip::VARCHAR LIKE '0%'),
round(sum(score::DOUBLE), 2)::VARCHAR, count(notes), count(hired_on) FROM {}"""
FACT_NAMES = ("rows", "zips with a leading zero", "sum of scores", "notes", "dates")
OURS, SNIFFED, SCANNED = "lakehouse", "DuckDB COPY", "DuckDB COPY, sample_size=-1"
ASKED = 30
"""How often the query is asked of each Parquet file."""


COLUMNS = ("median wall", "best wall", "peak memory", "Parquet", "query")
FORMS = ("{:.2f} s", "{:.2f} s", "{:.0f} MB", "{:.1f} MB", "{:.1f} ms")
NOTES = """- Not the same work: ours comes over HTTP, is spooled and hashed, is judged by every value of the
  file, is synced to disk, and is in the journal before it is answered. COPY reads the file where it
  lies and syncs nothing.
- Wall: ours from the first byte sent to the answer of a server that runs; theirs from connect to
  close, imports not counted.
- Peak memory: the sum of the peaks of the server and its query workers, of which {idle:.0f} MB are
  there before the first request; theirs is one process. The highest of all rounds.
- Query: `SELECT role, count(*) … WHERE state = 'IL' GROUP BY role` on each Parquet, by the same
  DuckDB in process, its opening included."""


class Took(NamedTuple):
    """One way's numbers, in the order of COLUMNS; None where it refused the file."""

    median_s: float
    best_s: float
    peak_mb: float
    size_mb: float | None
    query_ms: float | None


class Run(NamedTuple):
    """One ingest: what it took, and the Parquet that it made."""

    seconds: float
    peak_bytes: int
    idle_bytes: int
    parquet: Path
    refused: str | None = None


def main() -> None:
    """Measure, compare, and write the section."""
    parser = argparse.ArgumentParser(description="Measure ingest beside DuckDB's COPY.")
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    where = circumstances("ingest")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        csv = directory / "workers.csv"
        write_workers(csv, given.rows)
        runs = _measure(csv, directory, given.rounds)
        parquets = {who: done[-1].parquet for who, done in runs.items() if not done[-1].refused}
        facts = {who: _ask(FACTS, parquet) for who, parquet in parquets.items()}
        truth = _truth(csv)
        _check(parquets, facts, truth)
        asked = _time_queries(parquets)
        write_section("Ingest", _section(where, csv, runs, facts, truth, asked))


def _measure(csv: Path, directory: Path, rounds: int) -> dict[str, list[Run]]:
    """Every way in turns, so that what else the machine does falls on all of them."""
    ways: dict[str, Callable[[Path], Run]] = {
        OURS: lambda into: _by_lakehouse(csv, into),
        SNIFFED: lambda into: _by_duckdb(csv, into),
        SCANNED: lambda into: _by_duckdb(csv, into, "-1"),
    }
    runs: dict[str, list[Run]] = {who: [] for who in ways}
    for number in range(rounds):
        for who, way in ways.items():
            into = directory / f"{len(runs[who])}-{who.replace(' ', '-')}"
            into.mkdir()
            runs[who].append(way(into))
            print(f"round {number + 1}, {who}: {runs[who][-1].seconds:.2f} s", file=sys.stderr)
    return runs


def _by_lakehouse(csv: Path, into: Path) -> Run:
    """A new server on a new bucket; seconds from the first byte sent to the answer."""
    lakehouse = Lakehouse(str(into / "bucket"), free_ports(1), into / "log")
    try:
        lakehouse.start()
        idle_bytes = sum(map(_peak_bytes, lakehouse.pids))
        started_s = time.perf_counter()
        receipt = lakehouse.client.ingest_file("workers", csv)
        seconds = time.perf_counter() - started_s
        peak_bytes = sum(map(_peak_bytes, lakehouse.pids))
        rows = lakehouse.client.sql(QUESTION.format("workers"))["rows"]
    finally:
        lakehouse.close()
    [item] = receipt["objects"]
    parquet = into / "bucket" / item["key"]
    _demand([tuple(row) for row in rows] == _ask(QUESTION, parquet), "HTTP and Parquet differ")
    return Run(seconds, peak_bytes, idle_bytes, parquet)


def _by_duckdb(csv: Path, into: Path, *sample: str) -> Run:
    parquet = into / "workers.parquet"
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.duckdb_copy", str(csv), str(parquet), *sample],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
    )
    told = json.loads(done.stdout)
    return Run(told["seconds"], told["peak_bytes"], 0, parquet, told.get("refused"))


def _check(parquets: dict[str, Path], facts: dict[str, list], truth: list) -> None:
    _demand(facts[OURS] == truth, f"ours {facts[OURS]} is not what the file holds {truth}")
    answers = {who: _ask(QUESTION, parquet) for who, parquet in parquets.items()}
    for who, answer in answers.items():
        _demand(answer == answers[OURS], f"{who} counts {answer}, we count {answers[OURS]}")


def _time_queries(parquets: dict[str, Path]) -> dict[str, float]:
    """Median seconds of the query on each Parquet file, by the same DuckDB, in turns."""
    seconds: dict[str, list[float]] = {who: [] for who in parquets}
    for _ in range(ASKED):
        for who, parquet in parquets.items():
            started_s = time.perf_counter()
            _ask(QUESTION, parquet)
            seconds[who].append(time.perf_counter() - started_s)
    return {who: median(each) for who, each in seconds.items()}


def _ask(question: str, parquet: Path) -> list[tuple]:
    with duckdb.connect() as connection:
        return connection.execute(question.format(f"read_parquet('{parquet}')")).fetchall()


def _truth(csv: Path) -> list[tuple]:
    """The facts by reading every cell as text: nothing is guessed, nothing is lost."""
    text = f"read_csv('{csv}', all_varchar = true, allow_quoted_nulls = false)"
    with duckdb.connect() as connection:
        return connection.execute(FACTS.format(text)).fetchall()


def _peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _section(
    where: str,
    csv: Path,
    runs: dict[str, list[Run]],
    facts: dict[str, list[tuple]],
    truth: list[tuple],
    asked: dict[str, float],
) -> str:
    took = {who: _took(done, asked.get(who)) for who, done in runs.items()}
    ratios = [
        [f"against {who}", *_ratios(took[OURS], took[who]), _lost(who, runs, facts, truth)]
        for who in (SNIFFED, SCANNED)
    ]
    numbers = [[who, *_numbers(each)] for who, each in took.items()]
    idle_mb = max(run.idle_bytes for run in runs[OURS]) / MB
    return "\n\n".join(
        [
            f"{truth[0][0]:,} workers, {csv.stat().st_size / MB:.1f} MB of CSV. {where}",
            "Ours divided by theirs, so below 1 is better:",
            table(["", *COLUMNS, "what theirs loses"], ratios),
            _behind(took),
            f"Absolute, of {len(runs[OURS])} rounds in turns:",
            table(["", *COLUMNS], numbers),
            NOTES.format(idle=idle_mb),
        ]
    )


def _took(done: list[Run], query_s: float | None) -> Took:
    """What one way took over all its rounds; memory is the highest of all."""
    seconds = [run.seconds for run in done]
    peak_mb = max(run.peak_bytes for run in done) / MB
    if query_s is None:
        return Took(median(seconds), min(seconds), peak_mb, None, None)
    size_mb = done[-1].parquet.stat().st_size / MB
    return Took(median(seconds), min(seconds), peak_mb, size_mb, query_s * 1000)


def _ratios(ours: Took, theirs: Took) -> list[str]:
    pairs = zip(ours, theirs, strict=True)
    return [f"{mine / other:.2f}" if mine and other else "refused" for mine, other in pairs]


def _behind(took: dict[str, Took]) -> str:
    """In words where ours is the worse one."""
    told = []
    for who in (SNIFFED, SCANNED):
        pairs = zip(COLUMNS, took[OURS], took[who], strict=True)
        worse = [name for name, ours, theirs in pairs if ours and theirs and ours > theirs]
        told.append(f"{who} in {', '.join(worse) or 'nothing'}")
    return f"We are behind {'; behind '.join(told)}."


def _numbers(took: Took) -> list[str]:
    pairs = zip(FORMS, took, strict=True)
    return [form.format(each) if each else "refused" for form, each in pairs]


def _lost(
    who: str, runs: dict[str, list[Run]], facts: dict[str, list[tuple]], truth: list[tuple]
) -> str:
    """Which facts of the file are not in their Parquet, in words."""
    if who not in facts:
        return f"all: {runs[who][-1].refused}"
    pairs = zip(FACT_NAMES, truth[0], facts[who][0], strict=True)
    wrong = [f"{name}: {theirs} of {true}" for name, true, theirs in pairs if true != theirs]
    return "; ".join(wrong) or "nothing"


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SystemExit(f"the results differ: {otherwise}")


if __name__ == "__main__":
    main()
