"""Memory under mixed load: `ops/bench memory [--minutes 60]`. What a server and its workers grow by.

Clients append to 20 datasets, replace them now and then, and query them. Each minute prints the resident
memory of the server and of its largest worker. The bounds are those of an hour: a worker below its start +
200 MB, the server below twice its state + 150 MB.
"""

import argparse
import os
import random
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import zstandard

from tests.bench.ingest_ways import serving
from tests.bench.report import circumstances, table, write_section
from tests.e2e.process import Client, family

DATASETS, WRITERS, READERS = 20, 3, 4
REPLACED_EVERY = 50
MB = 1024 * 1024
QUERIES = (
    "SELECT count(*), sum(amount) FROM d{n}",
    "SELECT label, avg(amount) FROM d{n} GROUP BY label ORDER BY 2 DESC LIMIT 5",
    "SELECT * FROM d{n} ORDER BY id DESC LIMIT 20",
    "SELECT count(*) FROM d{n} a JOIN d{m} b USING (id)",
)


def main() -> None:
    """Load a server, and record how its memory goes."""
    parser = argparse.ArgumentParser(description="Measure memory under mixed load.")
    parser.add_argument("--minutes", type=int, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, serving(Path(directory)) as server:
        rows, done = _measured(server.client, server.pids[0], given.minutes)
        state_mb = _state_bytes(Path(directory) / "bucket") / MB
    body = _report(given.minutes, rows, done, state_mb)
    write_section("Memory under mixed load", body)
    print(body)


def _measured(
    client: Client, pid: int, minutes: int
) -> tuple[list[tuple[int, float, float]], Counter[str]]:
    """(minute, MB of the server, MB of its largest worker) from the start on, and what was done."""
    for number in range(DATASETS):
        client.ingest(f"name=d{number}", _csv(random.Random(number), 0))
        client.request("POST", "/v1/sql", QUERIES[0].format(n=number).encode(), **SQL)
    done: Counter[str] = Counter()
    stop = threading.Event()
    threads = [
        threading.Thread(target=work, args=(client, seed, done, stop))
        for work, count in ((_write, WRITERS), (_read, READERS))
        for seed in range(count)
    ]
    rows = [(0, *_sizes(pid))]
    for thread in threads:
        thread.start()
    try:
        for minute in range(1, minutes + 1):
            time.sleep(60)
            rows.append((minute, *_sizes(pid)))
            print(*rows[-1], dict(done), flush=True)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    return rows, done


SQL = {"Content_Type": "application/sql"}


def _write(client: Client, seed: int, done: Counter[str], stop: threading.Event) -> None:
    chance, count = random.Random(seed), 0
    while not stop.is_set():
        count += 1
        mode = "append" if chance.randrange(REPLACED_EVERY) else "replace"
        name = f"d{chance.randrange(DATASETS)}"
        answer = client.ingest(f"name={name}&mode={mode}", _csv(chance, count))
        done[f"ingests {answer.status}"] += 1


def _read(client: Client, seed: int, done: Counter[str], stop: threading.Event) -> None:
    chance = random.Random(1_000 + seed)
    while not stop.is_set():
        sql = chance.choice(QUERIES)
        sql = sql.format(n=chance.randrange(DATASETS), m=chance.randrange(DATASETS))
        answer = client.request("POST", "/v1/sql", sql.encode(), **SQL)
        done[f"queries {answer.status}"] += 1


def _csv(chance: random.Random, count: int) -> bytes:
    rows = (
        f"{chance.randrange(10_000)},{chance.random() * 100:.2f},text {chance.randrange(50)}"
        for _ in range(20)
    )
    return ("id,amount,label\n" + "\n".join(rows) + "\n").encode()


def _sizes(pid: int) -> tuple[float, float]:
    """Resident MB of the server, and of the largest of its other processes."""
    server, *workers = family(pid)
    return _resident_mb(server), max(map(_resident_mb, workers))


def _resident_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0  # it has ended
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


def _state_bytes(bucket: Path) -> int:
    """The size of the newest checkpoint's state: names sort newest first."""
    newest = min((bucket / "_journal/checkpoints").glob("*/*.zst"), key=lambda path: path.name)
    with zstandard.open(newest, "rb") as file:
        return len(file.read())


def _report(
    minutes: int, rows: list[tuple[int, float, float]], done: Counter[str], state_mb: float
) -> str:
    half = len(rows) // 2
    per_hour = [
        (rows[-1][column] - rows[half][column]) / max(1, rows[-1][0] - rows[half][0]) * 60
        for column in (1, 2)
    ]
    bounds = (2 * state_mb + 150, rows[0][2] + 200)
    cells = [
        [what, *(f"{value:.0f}" for value in (rows[0][n], rows[-1][n], per_hour[n - 1], bound))]
        for n, what, bound in ((1, "server", bounds[0]), (2, "largest worker", bounds[1]))
    ]
    work = ", ".join(f"{count:,} {name}" for name, count in sorted(done.items()))
    header = ["resident, MB", "start", "end", "growth an hour, by the second half", "bound"]
    return (
        f"{circumstances('memory')}\n\n{table(header, cells)}\n\n"
        f"{minutes} minutes: {work}. The state has {state_mb:.1f} MB as bytes."
    )


if __name__ == "__main__":
    main()
