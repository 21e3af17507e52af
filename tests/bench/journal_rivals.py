"""What the journal is measured against: each rival's nearest to one small durable commit.

Each is given its best: one warm connection, one thread where more would only meet conflicts, no
Parquet to read, the smallest row. What theirs does not do stands with the figures.
"""

import asyncio
import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import deltalake
import pyarrow as pa
from slatedb import uniffi as slatedb

ROW = ("dataset_1", "v1", 0)
DELTA_COMMITS = 1_000
"""How many commits a Delta table has before it is measured."""
SLATE_FLUSH = "1ms"
"""Of 100 ms by default: the more it waits, the fewer it commits for 64 senders that wait too."""


def bare_creates(directory: Path, seconds: float, body: bytes) -> float:
    """Creates a second by one thread, file and directory synced: the limit of one slot at a time."""
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    until_s, count = time.perf_counter() + seconds, 0
    while time.perf_counter() < until_s:
        count += 1
        file = os.open(directory / f"{count:020d}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        os.write(file, body)
        os.fsync(file)
        os.close(file)
        os.fsync(folder)
    os.close(folder)
    return count / seconds


@contextmanager
def long_delta_table(directory: Path) -> Iterator[deltalake.DeltaTable]:
    """A Delta table of 1,000 commits."""
    deltalake.write_deltalake(directory, _row())
    table = deltalake.DeltaTable(directory)
    while table.version() < DELTA_COMMITS:
        deltalake.write_deltalake(table, _row(), mode="append")
    yield table


def delta_commits(table: deltalake.DeltaTable, seconds: float) -> float:
    """Appends of one row a second; its local store syncs nothing."""
    before, until_s, count = table.version(), time.perf_counter() + seconds, 0
    while time.perf_counter() < until_s:
        deltalake.write_deltalake(table, _row(), mode="append")
        count += 1
    _demand(table.version() == before + count, f"Delta is at {table.version()}")
    return count / seconds


async def slate_puts(directory: Path, seconds: float, at_once: int) -> float:
    """Durable puts of a small value a second; a key-value store: no rules, no fold, no receipt."""
    builder = slatedb.DbBuilder(str(directory), slatedb.ObjectStore.resolve("file:///"))
    settings = slatedb.Settings.default()
    settings.set("flush_interval", f'"{SLATE_FLUSH}"')
    builder.with_settings(settings)
    database = await builder.build()
    numbers, until_s = itertools.count(), time.perf_counter() + seconds

    async def put() -> int:
        done = 0
        while time.perf_counter() < until_s:
            await database.put(f"key-{next(numbers)}".encode(), os.urandom(700))
            done += 1
        return done

    count = sum(await asyncio.gather(*(put() for _ in range(at_once))))
    held = await database.get(f"key-{count - 1}".encode())
    await database.shutdown()
    _demand(held is not None, "SlateDB lost its last key")
    return count / seconds


def _row() -> pa.Table:
    return pa.Table.from_pylist([dict(zip(("name", "print", "rows"), ROW, strict=True))])


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SystemExit(f"the results differ: {otherwise}")
