"""Ingest against its goals, as ratios in one run: rivals, its own size, many columns, small files.

    python -m tests.bench.ingest [--rows 500000] [--rounds 5] [--large-rounds 3]

Ends with an error, and writes nothing, when our answers are not what stands in the file.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

from tests.bench import csv_rivals as rivals
from tests.bench.ingest_ways import FORM, RAW, Run, by_lakehouse, by_rival
from tests.bench.parquet_reading import (
    FACT_NAMES,
    QUERIES,
    facts,
    read_alike,
    seconds_of_queries,
    truth,
)
from tests.bench.report import circumstances, table, write_section
from tests.bench.small_files import (
    FILES,
    delta_commits,
    lakehouse_commits,
    seconds_of_reading,
    small_files,
)
from tests.bench.wide import COLUMNS, write_wide
from tests.bench.workers import write_workers

MB = 1_000_000
OURS, BY_FORM, LARGE = "lakehouse", "lakehouse, multipart", "lakehouse, 10 × the file"
RIVALS = (rivals.SNIFFED, rivals.SCANNED, rivals.POLARS, rivals.PYARROW)
SMALL_ROUNDS = 3
DELTA_FILES = 250
"""Of the small files, for Delta, whose commits grow dearer with their number."""

Row = list[str]
Runs = dict[str, list[Run]]


def main() -> None:
    """Measure everything in turns, and write the section."""
    parser = argparse.ArgumentParser(description="Measure ingest against its goals.")
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large-rounds", type=int, default=3)
    given = parser.parse_args()
    where = circumstances("ingest")
    with tempfile.TemporaryDirectory() as name:
        csv, large, wide = (Path(name) / each for each in ("workers.csv", "ten.csv", "wide.csv"))
        write_workers(csv, given.rows)
        runs = _in_turns(_ways(csv), given.rounds, Path(name))
        parquets = {who: done[-1].parquet for who, done in runs.items() if not done[-1].refused}
        found, true = {who: facts(parquet) for who, parquet in parquets.items()}, truth(csv)
        if found[OURS] != true:
            raise SystemExit(f"ours {found[OURS]} is not what the file holds {true}")
        if not read_alike(parquets[OURS]):
            raise SystemExit("polars and pyarrow read ours differently")
        asked = seconds_of_queries([parquets[OURS], _copied(parquets)])
        write_workers(large, 10 * given.rows)
        tens = _in_turns(_sizes(csv, large), given.large_rounds, Path(name))
        write_wide(wide)
        wides = _in_turns(_wides(wide), given.large_rounds, Path(name))
        smalls = _in_turns(_smalls(csv), SMALL_ROUNDS, Path(name))
        many_s, one_s = seconds_of_reading(small_files(csv, FILES), Path(name))
        sizes = csv.stat().st_size, large.stat().st_size
        rows = [
            *_against_rivals(runs),
            *_large(tens, sizes),
            _row(f"{COLUMNS:,} columns ÷ DuckDB COPY's time", 3, _share(wides), most=True),
            _row("small files, 16 clients ÷ deltalake's commits", 15, _times(smalls)),
            _ratio_row(f"three queries on {FILES:,} appended small files ÷ on one", many_s / one_s),
            *_reading(asked, parquets),
        ]
        write_section("Ingest", _section(where, rows, runs, found, true, asked, smalls, sizes[0]))


def _ways(csv: Path) -> dict[str, Callable[[Path], Run]]:
    ways: dict[str, Callable[[Path], Run]] = {
        OURS: lambda into: by_lakehouse(csv, into, RAW),
        BY_FORM: lambda into: by_lakehouse(csv, into, FORM),
    }
    for rival in RIVALS:
        ways[rival] = lambda into, rival=rival: by_rival(rival, csv, into)  # type: ignore[misc]
    return ways


def _sizes(csv: Path, large: Path) -> dict[str, Callable[[Path], Run]]:
    return {
        OURS: lambda into: by_lakehouse(csv, into),
        LARGE: lambda into: by_lakehouse(large, into),
    }


def _wides(wide: Path) -> dict[str, Callable[[Path], Run]]:
    return {
        OURS: lambda into: by_lakehouse(wide, into),
        rivals.SNIFFED: lambda into: by_rival(rivals.SNIFFED, wide, into),
    }


def _smalls(csv: Path) -> dict[str, Callable[[Path], Run]]:
    files = small_files(csv, FILES)
    return {
        OURS: lambda into: Run(FILES / lakehouse_commits(files, into), 0, 0, into),
        "deltalake": lambda into: Run(FILES / delta_commits(files[:DELTA_FILES], into), 0, 0, into),
    }


def _in_turns(ways: dict[str, Callable[[Path], Run]], rounds: int, directory: Path) -> Runs:
    """Every way in turns, so that what else the machine does falls on all of them."""
    runs: Runs = {who: [] for who in ways}
    for number in range(rounds):
        for who, way in ways.items():
            runs[who].append(way(Path(tempfile.mkdtemp(dir=directory))))
            print(f"round {number + 1}, {who}: {runs[who][-1].seconds:.2f} s", file=sys.stderr)
    return runs


def _against_rivals(runs: Runs) -> list[Row]:
    ours = _median(runs[OURS])
    ratios = {who: _median(runs[who]) / ours for who in RIVALS if not runs[who][-1].refused}
    rows = [_row(f"MB/s over HTTP ÷ {rivals.SNIFFED}'s from disk", 1.0, ratios[rivals.SNIFFED])]
    rows.append(_row(f"the same ÷ {rivals.SCANNED}", 1.4, ratios[rivals.SCANNED]))
    rows += [_ratio_row(f"the same ÷ {who}", ratios[who]) for who in RIVALS[2:] if who in ratios]
    spent = median(run.cpu_s for run in runs[OURS])
    for who in (rivals.SNIFFED, rivals.SCANNED):
        share = spent / median(run.cpu_s for run in runs[who])
        rows.append(_ratio_row(f"CPU time ÷ {who}'s", share))
    return [*rows, _row("multipart ÷ raw, MB/s", 0.9, ours / _median(runs[BY_FORM]))]


def _large(tens: Runs, sizes: tuple[int, int]) -> list[Row]:
    once, ten = (size / _median(tens[who]) for who, size in zip((OURS, LARGE), sizes, strict=True))
    peaks = {who: max(run.peak_bytes for run in done) / MB for who, done in tens.items()}
    return [
        _row("10 × the file ÷ the file, MB/s", 0.85, ten / once),
        _row("10 × the file, the server's peak memory, MB", 400, peaks[LARGE], most=True),
        _row("10 × the file ÷ the file, peak memory", 1.2, peaks[LARGE] / peaks[OURS], most=True),
    ]


def _reading(asked: list[dict[str, float]], parquets: dict[str, Path]) -> list[Row]:
    ours, theirs = asked
    size = parquets[OURS].stat().st_size / _copied(parquets).stat().st_size
    shares = {name: ours[name] / theirs[name] for name in QUERIES}
    whole = sum(ours.values()) / sum(theirs.values())
    return [
        _row("five queries ÷ on DuckDB's own file", 1.1, whole, most=True),
        *(_ratio_row(f"of these, {name}", share) for name, share in shares.items()),
        _row("size of the Parquet ÷ of DuckDB's", 1.15, size, most=True),
    ]


def _copied(parquets: dict[str, Path]) -> Path:
    """DuckDB's file: that of the whole scan, which keeps the decimals that sniffing rounds."""
    return parquets[rivals.SCANNED]


def _share(runs: Runs) -> float:
    """The first way's time as a share of the second's."""
    first, second = map(_median, runs.values())
    return first / second


def _times(runs: Runs) -> float:
    """How many times as fast the first way is as the second."""
    return 1 / _share(runs)


def _median(runs: Iterable[Run]) -> float:
    return median(run.seconds for run in runs)


def _row(what: str, goal: float, ratio: float, *, most: bool = False) -> Row:
    reached = ratio <= goal if most else ratio >= goal
    return [what, f"{'≤' if most else '≥'} {goal}", f"{ratio:.2f}", "yes" if reached else "**no**"]


def _ratio_row(what: str, ratio: float) -> Row:
    return [what, "", f"{ratio:.2f}", ""]


def _section(
    where: str,
    rows: list[Row],
    runs: Runs,
    found: dict[str, tuple],
    true: tuple,
    asked: list[dict[str, float]],
    smalls: Runs,
    size: int,
) -> str:
    absolute = [
        [who, *_absolute(done, size), _lost(who, done, found, true)] for who, done in runs.items()
    ]
    ours_ms, theirs_ms = (1000 * sum(each.values()) for each in asked)
    rates = ", ".join(f"{who} {FILES / _median(done):,.0f}" for who, done in smalls.items())
    return "\n\n".join(
        [
            f"{true[0]:,} workers, {size / MB:.1f} MB of CSV. {where} Load average after"
            f" {os.getloadavg()[0]:.1f}.",
            table(["what", "goal", "ratio", "reached"], rows),
            f"Absolute, medians of {len(runs[OURS])} rounds in turns; what is not in the Parquet:",
            table(["", "wall", "CPU", "MB/s", "peak memory", "Parquet", "lost"], absolute),
            NOTES.format(rates=rates, ours=ours_ms, theirs=theirs_ms),
        ]
    )


def _absolute(done: list[Run], size: int) -> list[str]:
    seconds, peak_mb = _median(done), max(run.peak_bytes for run in done) / MB
    wide = "refused" if done[-1].refused else f"{done[-1].parquet.stat().st_size / MB:.1f} MB"
    cpu_s = median(run.cpu_s for run in done)
    return [
        f"{seconds:.2f} s",
        f"{cpu_s:.2f} s",
        f"{size / MB / seconds:.0f}",
        f"{peak_mb:.0f} MB",
        wide,
    ]


def _lost(who: str, done: list[Run], found: dict[str, tuple], true: tuple) -> str:
    """Which facts of the file are not in their Parquet, in words."""
    if who not in found:
        return f"all: {done[-1].refused}"
    facts_ = zip(FACT_NAMES, true, found[who], strict=True)
    wrong = [f"{name}: {theirs} of {each}" for name, each, theirs in facts_ if each != theirs]
    return "; ".join(wrong) or "nothing"


NOTES = """- Not the same work: ours comes over HTTP, is spooled and hashed, is judged by every value of the
  file, is synced to disk, and is in the journal before it is answered. The rivals read the file where
  it lies and sync nothing; polars is set to examine every row, and pyarrow the type of `score`, without
  which they refuse the file.
- Wall: ours from the first byte sent to the answer of a server that was just started (its first request);
  theirs from open to close, imports not counted. Peak memory: of the process that converts.
- Small files: 2 KB each, appended by 16 keep-alive clients, one thread of sockets, to a dataset each;
  deltalake reads the first 250 by pyarrow and appends them to one new table, one after the other. A second:
  {rates}.
- Five queries by the same DuckDB in process, opening included, medians added up: {ours:.0f} ms of ours,
  {theirs:.0f} ms of the file by COPY with sample_size=-1.
- Where the CPU time of one ingest over HTTP goes (`perf` by thread, four files in one server): pyarrow's
  parsing and judging types two fifths; ends of records and encoding Parquet, the latter by two threads, a
  third; receiving a tenth; the rest is spooling and hashing. Of all, a fifth is the kernel, for new pages and
  copies, and a twelfth copying in user space. No single step dominates. A file is read while it comes.
- What would help: a parser that types as it tokenizes, strictly (pyarrow's takes `007` for 7, so every
  cell is made text first); encoding row groups before the last value has come, which starts again on a file
  like this, whose scores turn late. Columns as dictionaries from the parser on cost what they save.
- Ten times the file: what is beyond 64 MiB of columns that are kept is parsed a second time, a fourth more
  CPU time for each megabyte (8.5 s instead of 6.8 s); to keep more would take the memory that is bounded. To
  parse it as its types at once, all being known, saved 3 % and was not kept.
- A small file, appended to one dataset, takes about 5 ms of CPU on a busy machine: 2.0 ms in the one
  thread that reads such files and writes their Parquet, 1.5 ms in the loop for HTTP, deciding,
  committing and the receipt, 1.3 ms in eight threads for four fsyncs and what belongs to them. To read
  it in the loop instead, with one disk thread for all waiting objects, took 4.4 to 5.2 ms and left the
  second core idle. Why several files do not share a Parquet file is in
  `ops/decisions/a-parquet-file-has-one-source.md`.
- A query on 1,000 small objects takes 0.1 to 0.3 ms for each of them, whatever it asks; the same rows sent
  as one file with mode=replace are read as one object."""


if __name__ == "__main__":
    main()
