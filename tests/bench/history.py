"""What history costs: one dataset's among many events, collection, and the feed beside commits.

`ops/bench history` writes the section of RESULTS.md. Rivals run in turns in one run, and only ratios
are reported, since the machine is shared.
"""

import asyncio
import http.client
import logging
import random
import resource
import socket
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import duckdb
import structlog

from journal.bucket.keys import Tag, object_blob, slot_key
from journal.bucket.local.bucket import LocalBucket
from journal.bucket.memory import MemoryBucket
from journal.bucket.port import Stat
from journal.clock import SystemClock, uuid7
from lakehouse.api.catalog.datasets import HistoryQuery
from lakehouse.api.history.journal import StreamEventsQuery
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Context, ForgetObject, RegisterDataset, StoreObject
from lakehouse.service.caller import Caller
from lakehouse.service.catalog.use_case import Catalog
from lakehouse.service.gc.collector import GarbageCollector, GcWaits
from lakehouse.service.history.feed import Feed
from lakehouse.service.history.journal import JournalReads
from lakehouse.service.index.entity_chains import EntityChains
from lakehouse.service.sql.queries import Queries
from projections.codec import encode_state
from tests.bench.long_journal import long_journal
from tests.bench.report import circumstances, write_section
from tests.bench.sql_servers import Server, bare, serving

NOTES = """\
- A history reads its own slots and no others, one after the other as each names the one before; of
  each it decodes its own event alone, though here each slot holds a hundred others.
- `lake.events` is asked over HTTP, a connection each time, and so is its rival: DuckDB in a few threads of
  a bare server, without guard or process of its own, on one Parquet file that it wrote itself. Its first
  scan reads the journal, proves it and writes it as Parquet; a query's time limit is 60 s.
- Collection runs in memory: the requests and the memory are what is measured. Memory is what the
  process's peak grew by, against the bytes of the encoded state.
- Commits are of 32 senders on a local disk, a second each way in turns; listeners and collector
  share their loop. The spread is that of a disk and a machine that others use too.
"""
COUNTED = "SELECT type, count(*) FROM lake.events GROUP BY 1"
COUNTED_BARE = COUNTED.replace("lake.", "")
ROUNDS = 5
LISTENERS, SENDERS, ROUND_S, BESIDE_ROUNDS = 100, 32, 1.0, 15
OBJECTS, GARBAGE = 100_000, 10_000
CHANCE = random.Random(1)
CALLER = Caller("bench", 0.0)


class CountingBucket(MemoryBucket):
    """Counts requests by verb."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()
        self.sizes: list[int] = []

    async def read(self, key: str) -> bytes:
        self.asked["read"] += 1
        return await super().read(key)

    async def list_objects(self, prefix: str, after: str = "", limit: int = 1000) -> list[Stat]:
        self.asked["list"] += 1
        return await super().list_objects(prefix, after, limit)

    async def delete_blobs(self, keys: Sequence[str]) -> list[str]:
        if keys:
            self.asked["delete"] += 1
            self.sizes.append(len(keys))
        return await super().delete_blobs(keys)


def context() -> Context:
    return Context("bench", uuid7(SystemClock().now(), CHANCE))


async def node_on(bucket: MemoryBucket | LocalBucket) -> Node:
    node = await Node.open(bucket, SystemClock(), CHANCE)
    node.start(1.0, lambda: None)
    return node


async def one_dataset() -> str:
    """100 events of one dataset among 10,000 others: its history against as many plain GETs."""
    counted = CountingBucket()
    in_memory = await _own_history(counted)
    with tempfile.TemporaryDirectory() as directory:
        bucket = await LocalBucket.open(Path(directory))
        on_disk = await _own_history(bucket)
        await bucket.close()
    requests = counted.asked["read"] / (2 * ROUNDS)
    return (
        f"history of 100 events among 10,100: {requests:.0f} requests; {on_disk:.2f} x as many plain GETs"
        f" on a local disk (the goal is 2), {in_memory:.2f} x in memory, where a GET is nearly free"
    )


async def _own_history(bucket: MemoryBucket | LocalBucket) -> float:
    """The history's time against that of reading its slots one after the other and nothing else."""
    node = await node_on(bucket)
    for number in range(100):
        commands = [RegisterDataset(f"d{number}_{n}", "f", (), None) for n in range(100)]
        commands.append(RegisterDataset("t", "f", (), number))
        await asyncio.gather(*(node.writer.submit(each, context()) for each in commands))
    found = await Catalog(node, EntityChains(node)).history(CALLER, "t", HistoryQuery())
    positions = [event.position for event in found.body.events]
    if isinstance(bucket, CountingBucket):
        bucket.asked.clear()
    ratios = []
    for _ in range(ROUNDS):
        began_s = time.perf_counter()
        await Catalog(node, EntityChains(node)).history(CALLER, "t", HistoryQuery())
        middle_s = time.perf_counter()
        for position in positions:
            await bucket.read(slot_key(position))
        ratios.append((middle_s - began_s) / (time.perf_counter() - middle_s))
    await node.stop(1)
    return statistics.median(ratios)


async def events_in_sql() -> str:
    """The long journal's events in SQL: the first scan, and later ones against the same as Parquet."""
    with tempfile.TemporaryDirectory() as directory, serving(long_journal()) as ours:
        first_s, _ = _asked(ours, COUNTED)
        parquet = Path(directory, "events.parquet")
        _, body = _asked(ours, "FROM lake.events", "Accept: application/vnd.apache.parquet\r\n")
        parquet.with_suffix(".ours").write_bytes(body)
        copied = f"COPY (FROM read_parquet('{parquet.with_suffix('.ours')}')) TO '{parquet}'"
        duckdb.execute(f"{copied} (FORMAT parquet)")
        with bare(parquet, "events") as theirs:
            pairs = [(_asked(ours, COUNTED)[0], _asked(theirs, COUNTED_BARE)[0]) for _ in range(25)]
        began_s = time.perf_counter()
        duckdb.execute(f"SELECT type, count(*) FROM '{parquet}' GROUP BY 1").fetchall()
        inside_s = time.perf_counter() - began_s
    ratio = statistics.median(theirs_s / ours_s for ours_s, theirs_s in pairs)
    later_ms = statistics.median(ours_s for ours_s, _ in pairs) * 1000
    return (
        f"`{COUNTED}` over 1,000,000 events: {first_s:.1f} s the first time, {later_ms:.0f} ms later:"
        f" {ratio:.2f} x DuckDB over HTTP on the same events as Parquet (the goal is 0.5),"
        f" which takes {inside_s * 1000:.0f} ms without HTTP"
    )


def _asked(server: Server, sql: str, headers: str = "") -> tuple[float, bytes]:
    """Seconds and the answer, never one that was kept."""
    request = server.request(sql, f"Connection: close\r\nCache-Control: no-cache\r\n{headers}")
    began_s = time.perf_counter()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{server.name} answered {answer.status}: {body[:300]!r}")
    return time.perf_counter() - began_s, body


async def collection() -> str:
    """100,000 objects, a tenth of them garbage: requests, and memory against the state's bytes."""
    bucket = CountingBucket()
    node = await node_on(bucket)
    lake = node.follower.journal.lake.lake[:8]
    for start in range(0, OBJECTS, 1_000):
        await asyncio.gather(*(_store(node, lake, n) for n in range(start, start + 1_000)))
    for start in range(0, GARBAGE, 1_000):
        keys = (f"k{n}" for n in range(start, start + 1_000))
        await asyncio.gather(*(node.writer.submit(ForgetObject(key), context()) for key in keys))
    state_bytes = sum(map(len, encode_state(node.state)))
    bucket.asked.clear()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    runs = GarbageCollector(node, Queries(node), GcWaits(0, 0))
    began_s = time.perf_counter()
    done = await runs.collect(await runs.plan(timedelta(0)), CALLER)
    took_s = time.perf_counter() - began_s
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    await node.stop(1)
    return (
        f"collection of {done.deleted:,} of {OBJECTS:,}: {bucket.asked['list']} LISTs,"
        f" {bucket.asked['delete']} deletions of up to {max(bucket.sizes):,}, {took_s:.1f} s,"
        f" peak memory +{grown / state_bytes:.2f} x the state's bytes"
    )


async def _store(node: Node, lake: str, number: int) -> None:
    blob = object_blob(f"{number:064x}", Tag(lake, 0, "r"))
    await node.bucket.create(blob, b"")
    store = StoreObject(f"k{number}", 0, f"{number:064x}", "text/plain", blob)
    await node.writer.submit(store, context())


async def beside_commits() -> str:
    """Commits a second with 100 listeners and collectors, against without; in turns."""
    ratios, costs = [], []
    with tempfile.TemporaryDirectory() as directory:
        node = await node_on(await LocalBucket.open(Path(directory)))
        feed = Feed(node, JournalReads(node, EntityChains(node)))
        for _ in range(BESIDE_ROUNDS):
            alone, alone_s = await _commits(node)
            others = [asyncio.create_task(_listen(node, feed)) for _ in range(LISTENERS)]
            others.append(asyncio.create_task(_collect(node)))
            beside, beside_s = await _commits(node)
            ratios.append(beside / alone)
            costs.append((beside_s / beside) / (alone_s / alone))
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        await node.stop(1)
        await node.bucket.close()
    low, median, high = statistics.quantiles(ratios)
    return (
        f"commits with {LISTENERS} listeners and a collector: {median:.2f} x without (half of the"
        f" {BESIDE_ROUNDS} rounds between {low:.2f} and {high:.2f}; the goal is 0.8), for"
        f" {statistics.median(costs):.2f} x the CPU time a commit"
    )


async def _commits(node: Node) -> tuple[int, float]:
    """How many in ROUND_S, and the CPU time that this process spent."""
    until_s, count, began_s = time.monotonic() + ROUND_S, 0, time.process_time()

    async def send(sender: int) -> None:
        nonlocal count
        while time.monotonic() < until_s:
            name = f"s{sender}"
            await node.writer.submit(RegisterDataset(name, "f", (), count), context())
            count += 1

    await asyncio.gather(*map(send, range(SENDERS)))
    return count, time.process_time() - began_s


async def _listen(node: Node, feed: Feed) -> None:
    async for _ in feed.listen(CALLER, StreamEventsQuery(after=node.state.head.seq)):
        pass


async def _collect(node: Node) -> None:
    runs = GarbageCollector(node, Queries(node), GcWaits(0, 0))
    while True:
        await runs.collect(await runs.plan(timedelta(0)), CALLER)
        await asyncio.sleep(0.1)


MEASURED = (one_dataset, events_in_sql, collection, beside_commits)


async def main() -> list[str]:
    """What was found, a line each."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    return [await measured() for measured in MEASURED]


if __name__ == "__main__":
    conditions = circumstances("history")
    lines = [f"- {line}" for line in asyncio.run(main())]
    write_section("History", "\n".join([conditions, "", *lines, "", NOTES]))
