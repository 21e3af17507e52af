"""Acknowledged changes a second, over HTTP and in process, beside bare synced creates on the disk.

    python -m tests.bench.journal_commit [--seconds 5] [--rounds 3]

Ends with an error, and writes nothing, when the journal does not hold what was acknowledged.
"""

import argparse
import asyncio
import http.client
import itertools
import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from statistics import median

from journal.bucket import open_bucket
from journal.clock import SystemClock
from lakehouse.commands import RegisterDataset
from lakehouse.node import Node
from lakehouse.service.catalog import Catalog
from lakehouse.service.changes import Asking
from tests.bench.report import circumstances, table, write_section
from tests.e2e.process import Lakehouse
from tests.s3_server import free_ports

CLIENTS, CONCURRENT = 32, 64
SLOT_BYTES = 1_000
"""About the size of a slot with one registration."""
HTTP, LIBRARY, ALONE, BARE = "over HTTP", "in process", "one at a time", "bare create"


def main() -> None:
    """Measure all four in turns, and write the section."""
    parser = argparse.ArgumentParser(description="Measure acknowledged changes a second.")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    where = circumstances("journal")
    ways: dict[str, Callable[[Path], tuple[float, float]]] = {
        HTTP: lambda into: _http(into, given.seconds),
        LIBRARY: lambda into: asyncio.run(_library(into, given.seconds, CONCURRENT)),
        ALONE: lambda into: asyncio.run(_library(into, given.seconds, 1)),
        BARE: lambda into: _bare(into, given.seconds),
    }
    rates: dict[str, list[tuple[float, float]]] = {who: [] for who in ways}
    for _ in range(given.rounds):
        for who, way in ways.items():
            with tempfile.TemporaryDirectory() as name:
                rates[who].append(way(Path(name)))
    write_section("Journal", _section(where, rates))


def _bare(directory: Path, seconds: float) -> tuple[float, float]:
    """Creates by one thread: the most that one slot after the other could reach."""
    body = os.urandom(SLOT_BYTES)
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    until_s = time.perf_counter() + seconds
    count = 0
    while time.perf_counter() < until_s:
        count += 1
        file = os.open(directory / f"{count:020d}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        os.write(file, body)
        os.fsync(file)
        os.close(file)
        os.fsync(folder)
    os.close(folder)
    return count / seconds, count / seconds


async def _library(directory: Path, seconds: float, at_once: int) -> tuple[float, float]:
    """Registrations by coroutines, through the catalog's own door."""
    bucket = await open_bucket(str(directory / "bucket"))
    clock = SystemClock()
    node = await Node.open(bucket, clock, random.Random())
    node.start(60.0, lambda: None)
    catalog, numbers = Catalog(node), itertools.count()
    until_s = time.perf_counter() + seconds

    async def register() -> int:
        done = 0
        while time.perf_counter() < until_s:
            command = RegisterDataset(f"d{next(numbers)}", "v1", (), 0)
            await catalog.register(command, Asking("bench", clock.monotonic()), b"")
            done += 1
        return done

    counts = await asyncio.gather(*(register() for _ in range(at_once)))
    head = node.state.head
    await node.stop(5.0)
    await bucket.close()
    _demand(sum(counts), head.seq)
    return sum(counts) / seconds, head.position / seconds


def _http(directory: Path, seconds: float) -> tuple[float, float]:
    """Registrations by clients that each keep a connection."""
    lakehouse = Lakehouse(
        str(directory / "bucket"),
        free_ports(1),
        directory / "log",
        {"LAKEHOUSE_LOG_LEVEL": "warning"},
    )
    try:
        lakehouse.start()
        numbers = itertools.count()
        until_s = time.perf_counter() + seconds

        def register(_: int) -> int:
            done = 0
            connection = http.client.HTTPConnection("127.0.0.1", lakehouse.client.port)
            with closing(connection):
                while time.perf_counter() < until_s:
                    _register(connection, next(numbers))
                    done += 1
            return done

        with ThreadPoolExecutor(CLIENTS) as pool:
            count = sum(pool.map(register, range(CLIENTS)))
        head = lakehouse.client.get("/v1/journal/head")
        _demand(count, lakehouse.journal("verify")["seq"])
    finally:
        lakehouse.close()
    return count / seconds, head["slot"] / seconds


def _register(connection: http.client.HTTPConnection, number: int) -> None:
    body = {"name": f"d{number}", "schema_fingerprint": "v1", "objects": [], "row_count": 0}
    connection.request("POST", "/v1/catalog/register", json.dumps(body))
    answer = connection.getresponse()
    told = answer.read()
    if answer.status != 200:
        raise SystemExit(f"a registration got {answer.status}: {told[:500]!r}")


def _demand(acknowledged: int, in_journal: int) -> None:
    if acknowledged != in_journal:
        raise SystemExit(f"{acknowledged} were acknowledged, the journal holds {in_journal}")


def _section(where: str, rates: dict[str, list[tuple[float, float]]]) -> str:
    changes = {who: median(rate for rate, _ in done) for who, done in rates.items()}
    slots = {who: median(rate for _, rate in done) for who, done in rates.items()}
    named = {
        HTTP: f"register over HTTP, {CLIENTS} clients",
        LIBRARY: f"register in process, {CONCURRENT} at once",
        ALONE: "register in process, one at a time",
        BARE: "create, fsync, fsync of the directory; one thread",
    }
    rows = [
        [
            named[who],
            f"{changes[who] / changes[BARE]:.2f}",
            f"{slots[who] / changes[BARE]:.2f}",
            f"{changes[who]:,.0f}",
            f"{slots[who]:,.0f}",
            f"{changes[who] / slots[who]:.1f}",
        ]
        for who in rates
    ]
    header = ["", "changes ÷ bare", "slots ÷ bare", "changes/s", "slots/s", "changes a slot"]
    return "\n\n".join(
        [
            f"Acknowledged, so synced, changes on a local bucket; above 1 is better. {where}",
            table(header, rows),
            f"Medians of {len(rates[HTTP])} rounds in turns. The bare create is the limit of a journal\n"
            "without group commit. The HTTP clients share the cores with the server, and are Python too.",
        ]
    )


if __name__ == "__main__":
    main()
