"""SQL over HTTP against its goals, as ratios in one run: roapi, and a loop without guard or isolation.

python -m tests.bench.sql [--seconds 3] [--rounds 3] [--rows 500000]
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import duckdb
import msgspec

from tests.bench import sql_servers
from tests.bench.report import circumstances, table, write_section
from tests.bench.sql_asking import Asked, Connection, Whole, load, whole
from tests.bench.sql_servers import Server
from tests.bench.sql_start import DATASETS, starts
from tests.bench.workers import write_workers

NAME = "workers"
LARGE_ROWS = 1_000_000
ENDLESS = {
    "cross join": "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range > b.range",
    "sort": "SELECT * FROM range(1000000000) t(i) ORDER BY hash(i) LIMIT 5 OFFSET 900000000",
    "regex": "SELECT count(*) FROM range(99999999) WHERE regexp_matches(repeat(range::TEXT, 999), '(.*)*b')",
    "recursive CTE": "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
    "repeat": "SELECT sum(length(repeat('x', 1000000000) || i)) FROM range(1000) t(i)",
}
ARROW = "Accept: application/vnd.apache.arrow.stream\r\n"

Row = list[str]
Found = dict[tuple[str, str, int], list[Asked]]


def group_by(number: int) -> str:
    """Never the same twice."""
    columns = "role, state, count(*) AS n, avg(rate) AS r"
    return f"SELECT {columns} FROM {NAME} WHERE id <> {number} GROUP BY role, state"


def counted(number: int) -> str:
    """A filter that a column's statistics cannot answer; never the same twice."""
    return f"SELECT count(*) AS n FROM {NAME} WHERE rate > {20 + number % 50000 / 1000} AND id <> {number}"


def same(_: int) -> str:
    """The same question each time."""
    return group_by(0)


def bare_select(number: int) -> str:
    """What weighs least."""
    return f"SELECT {number} AS n"


def cached_select(_: int) -> str:
    """The same each time, so that our cache of results answers it."""
    return "SELECT 42 AS n"


KINDS: dict[str, Callable[[int], str]] = {
    "group by, varying": group_by,
    "count, varying": counted,
    "the same again": same,
    "SELECT 42, varying": bare_select,
    "SELECT 42, from our cache": cached_select,
}


def main() -> None:
    """Measure every row in turns, and write the section."""
    parser = argparse.ArgumentParser(description="Measure SQL against its goals.")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=500_000)
    given = parser.parse_args()
    where = circumstances("sql")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        csv = folder / "workers.csv"
        write_workers(csv, given.rows)
        ours = stack.enter_context(sql_servers.lakehouse(folder / "bucket", csv, NAME))
        (parquet,) = (folder / "bucket" / "datasets").rglob("*.parquet")
        theirs = [stack.enter_context(make(parquet, NAME)) for make in
                  (sql_servers.roapi, sql_servers.bare)]  # fmt: skip
        found = asyncio.run(_loads([ours, *theirs], given.seconds, given.rounds))
        rows = [*_rates(found), *asyncio.run(_large(ours, given.rounds))]
        rows += asyncio.run(_endings(ours))
        rows += _starts(folder, given.rounds)
    write_section("SQL", _section(where, rows, found, given))


async def _loads(servers: list[Server], seconds: float, rounds: int) -> Found:
    found: Found = {}
    for _ in range(rounds):
        for kind, sql in KINDS.items():
            for clients in (1, 8):
                for server in servers:
                    asked = await load(server, sql, clients, seconds)
                    found.setdefault((server.name, kind, clients), []).append(asked)
                    text = f"{server.name}, {kind}, {clients}: {asked.a_second:,.0f}/s {asked.statuses}"
                    print(text, file=sys.stderr)
    return found


def _rates(found: Found) -> list[Row]:
    def rate(server: str, kind: str, clients: int) -> float:
        return median(each.a_second for each in found[server, kind, clients])

    def cpu(server: str, kind: str, clients: int) -> float:
        return median(each.cpu_s for each in found[server, kind, clients])

    def row(kind: str, clients: int, rival: str, goal: float | None) -> Row:
        ratio = rate("lakehouse", kind, clients) / rate(rival, kind, clients)
        cpu_ratio = cpu(rival, kind, clients) / cpu("lakehouse", kind, clients)
        return _rated(f"{kind}, {clients} ÷ {rival}", goal, ratio, cpu_ratio)

    goals: dict[str, dict[str, float | None]] = {
        "group by, varying": {"roapi": 2.0, "bare": 0.95},
        "count, varying": {"roapi": 0.8, "bare": 0.6},
        "the same again": {"roapi": 3.0},
        "SELECT 42, varying": {"roapi": 0.8, "bare": None},
        "SELECT 42, from our cache": {"roapi": 0.8},
    }
    return [
        row(kind, clients, rival, goal)
        for kind, rivals in goals.items()
        for clients in (1, 8)
        for rival, goal in rivals.items()
    ]


async def _large(ours: Server, rounds: int) -> list[Row]:
    """1M × 8 rows: against fetchall and msgspec, and against reading Arrow, both in this process."""
    made = f"""SELECT i + {{}} AS a, i * 7 AS b, i % 13 AS c, i * 1.5::DOUBLE AS d, 'name ' || i AS e,
        i % 2 = 0 AS f, DATE '2020-01-01' + (i % 1000)::INTEGER AS g, i * 3.25::DOUBLE AS h
        FROM range({LARGE_ROWS}) t(i)"""
    fetched: list[tuple[float, float]] = []
    read: list[tuple[float, float]] = []
    answers: list[Whole] = []
    arrows: list[Whole] = []
    for number in range(rounds):
        sql = made.format(number)
        answers.append(await whole(ours, sql))
        fetched.append(_timed(_fetched, sql))
        arrows.append(await whole(ours, sql, ARROW))
        read.append(_timed(_arrow, sql))
    first = median(each.first_s / each.all_s for each in answers)
    grown = max(each.grown_bytes for each in answers) / 2**20
    return [
        _large_row("1M × 8 as JSON ÷ fetchall + msgspec", 2.0, answers, fetched),
        _at_most("first byte of it ÷ the whole", 0.1, first),
        ["memory of all processes for it", "≤ 150 MB", f"{grown:.0f} MB", "", _yes(grown <= 150)],
        _large_row("1M × 8 as Arrow ÷ in-process Arrow", 0.75, arrows, read),
    ]


async def _endings(ours: Server) -> list[Row]:
    rows = []
    for name, sql in ENDLESS.items():
        took = await _cancelled(ours, sql)
        rows.append([f"cancel: {name}", "≤ 1 s", f"{took:.2f} s", "", _yes(took <= 1)])
    mixed = await load(ours, lambda n: bare_select(n) if n % 4 else group_by(n), 200, 5.0)
    errors = {status: count for status, count in mixed.statuses.items() if status not in (200, 503)}
    what = "200 clients, mixed: neither 200 nor 503"
    rows.append([what, "none", str(errors or "none"), "", _yes(not errors)])
    alone = await load(ours, bare_select, 200, 5.0)
    rows.append(_at_most("SELECT 1, 200 clients: p99 ÷ p50", 5, alone.p99_s / alone.p50_s))
    return rows


def _starts(folder: Path, rounds: int) -> list[Row]:
    one, many = starts(folder / "bucket", folder / "many", NAME, rounds)
    ready = f"{many.ready_s:.2f} s, with one dataset {one.ready_s:.2f} s"
    return [
        [f"start with {DATASETS:,} datasets: ready", "≤ 2 s", ready, "", _yes(many.ready_s <= 2)],
        _at_most("first query on one of them ÷ on one alone", 1.5, many.query_s / one.query_s),
    ]


async def _cancelled(ours: Server, sql: str) -> float:
    """How long after DELETE a query's asker has its answer."""
    async with Connection(ours) as connection:
        asking = asyncio.create_task(connection.ask(sql, "Query-Id: endless\r\n"))
        await asyncio.sleep(0.7)
        began_s = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", ours.port)
        writer.write(f"DELETE /v1/queries/endless HTTP/1.1\r\nHost: 127.0.0.1:{ours.port}\r\n"
                     "Connection: close\r\n\r\n".encode())  # fmt: skip
        status = await asking
        took_s = time.perf_counter() - began_s
        await reader.read()
        writer.close()
    if status == 200:
        raise RuntimeError(f"{sql} ended by itself")
    return took_s


def _fetched(sql: str) -> bytes:
    return msgspec.json.encode(duckdb.connect().execute(sql).fetchall())


def _arrow(sql: str) -> int:
    return sum(batch.num_rows for batch in duckdb.sql(sql).to_arrow_reader(8192))


def _timed(work: Callable[[str], object], sql: str) -> tuple[float, float]:
    """The seconds, and those of CPU time, that a rival in this process takes."""
    began_s, before_s = time.perf_counter(), time.process_time()
    work(sql)
    return time.perf_counter() - began_s, time.process_time() - before_s


def _large_row(what: str, goal: float, ours: list[Whole], rival: list[tuple[float, float]]) -> Row:
    ratio = median(wall_s for wall_s, _ in rival) / median(each.all_s for each in ours)
    cpu_ratio = median(cpu_s for _, cpu_s in rival) / median(each.cpu_s for each in ours)
    return _rated(what, goal, ratio, cpu_ratio)


def _rated(what: str, goal: float | None, ratio: float, cpu_ratio: float) -> Row:
    reached = "" if goal is None else _yes(ratio >= goal)
    return [what, f"≥ {goal:g}" if goal else "", f"{ratio:.2f}", f"{cpu_ratio:.2f}", reached]


def _at_most(what: str, goal: float, found: float) -> Row:
    return [what, f"≤ {goal:g}", f"{found:.2f}", "", _yes(found <= goal)]


def _yes(reached: bool) -> str:
    return "yes" if reached else "**no**"


def _section(where: str, rows: list[Row], found: Found, given: argparse.Namespace) -> str:
    names = ("lakehouse", "roapi", "bare")
    absolute = [
        [f"{kind}, {clients}"]
        + [f"{median(each.a_second for each in found[name, kind, clients]):,.0f}" for name in names]
        for kind in KINDS
        for clients in (1, 8)
    ]
    return f"""{given.rows:,} workers in one Parquet object that all three read. {where}

{table(["what", "goal", "ratio", "of CPU time", "reached"], rows)}

Requests a second, medians of {given.rounds} rounds of {given.seconds:g} s in turns:

{table(["what, clients", *names], absolute)}

- All over HTTP with keep-alive, one asking process; it shares the cores with the servers.
- Ratios are of speeds, and of CPU time: that of all processes of the rival for a request, divided by
  ours. On a shared machine the second varies less: it does not count waiting for a core.
- roapi is DataFusion behind axum, JSON without types. The bare loop is aiohttp and DuckDB in four threads of
  one process, `fetchall` and msgspec, without a guard, limits, streaming or exact JSON.
- Varying: a literal differs each time, so nothing can be cached. The same again, or from our cache:
  ours answers from its cache of results, without a worker; the rivals compute it.
- SELECT 42 from 8 clients costs ours about 0.6 ms of CPU time in the server and 0.45 ms in the workers,
  measured apart on a shared machine; a bare aiohttp handler costs 0.06 ms. Rivals run it in the process
  that has the connection.
- The rivals of 1M rows run in this process, without HTTP. DuckDB writes the JSON where its text is exactly
  ours; Arrow's columns, as before, take 0.75 s of CPU time for 0.45 s.
  The Arrow of it passes shared memory and a socket.
- Objects on S3 are read like local ones when seen before: `ops/decisions/objects-through-the-server.md`.
"""


if __name__ == "__main__":
    main()
