"""Acknowledged changes a second: through the library, over HTTP, and at the end of a long journal.

Each demands that the journal holds exactly what was acknowledged.
"""

import asyncio
import itertools
import json
import os
import random
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from journal.bucket.opening import open_bucket
from journal.clock import SystemClock
from lakehouse.api.catalog.datasets import RegisterRequest
from lakehouse.commit.node import Node
from lakehouse.service.caller import Caller
from lakehouse.service.catalog.use_case import Catalog
from lakehouse.service.index.entity_chains import EntityChains
from tests.bench.keep_alive import exchange_all, post
from tests.e2e.process import Lakehouse
from tests.s3_server import free_ports

CLIENTS = 32


@asynccontextmanager
async def running_node(bucket_url: str) -> AsyncIterator[Node]:
    """A node on a bucket, its writer and keeper at work."""
    bucket = await open_bucket(bucket_url)
    node = await Node.open(bucket, SystemClock(), random.Random())
    node.start(60.0, lambda: None)
    yield node
    await node.stop(5.0)
    await bucket.close()


async def library(directory: Path, seconds: float, at_once: int) -> tuple[float, float]:
    """(changes, slots) a second by so many coroutines that register through the catalog's own door."""
    async with running_node(str(directory / "bucket")) as node:
        until_s = time.perf_counter() + seconds
        count = await _register_all(node, at_once, lambda: time.perf_counter() < until_s)
        head = node.state.head
    demand_equal(head.seq, count)
    return count / seconds, head.position / seconds


async def appended(bucket: Path, commits: int, at_once: int) -> float:
    """Changes a second of so many more at the end of what the bucket holds."""
    async with running_node(str(bucket)) as node:
        before, numbers = node.state.head.seq, itertools.count()
        began_s = time.perf_counter()
        await _register_all(node, at_once, lambda: next(numbers) < commits)
        took_s = time.perf_counter() - began_s
        demand_equal(node.state.head.seq - before, commits)
    return commits / took_s


def over_http(directory: Path, seconds: float) -> tuple[float, float]:
    """(changes, slots) a second by clients that each keep a connection to a server of its own."""
    environ = {"LAKEHOUSE_LOG_LEVEL": "warning"}
    lakehouse = Lakehouse(str(directory / "bucket"), free_ports(1), directory / "log", environ)
    try:
        lakehouse.start()
        numbers, until_s = itertools.count(), time.perf_counter() + seconds

        count, port = 0, lakehouse.client.port

        def registers() -> Iterator[bytes]:
            while time.perf_counter() < until_s:
                yield _register(port, next(numbers))

        def answered(_: bytes) -> None:
            nonlocal count
            count += 1

        exchange_all(port, [registers() for _ in range(CLIENTS)], answered)
        head = lakehouse.client.get("/v1/journal/head")
        demand_equal(lakehouse.journal("verify")["seq"], count)
    finally:
        lakehouse.close()
    return count / seconds, head["slot"] / seconds


def linked_copy(source: Path, target: Path) -> Path:
    """The same bucket under another name, without copying: slots are never written again."""
    shutil.copytree(source, target, copy_function=os.link)
    return target


def demand_equal(in_journal: int, acknowledged: int) -> None:
    """Ends the bench when the journal does not hold what was acknowledged."""
    if acknowledged != in_journal:
        raise SystemExit(f"{acknowledged} were acknowledged, the journal holds {in_journal}")


async def _register_all(node: Node, at_once: int, goes_on: Callable[[], bool]) -> int:
    catalog, numbers, clock = Catalog(node, EntityChains(node)), itertools.count(), node.clock

    async def register() -> int:
        done = 0
        while goes_on():
            request = RegisterRequest(f"new_{next(numbers)}", "v1", (), 0)
            await catalog.register(Caller("bench", clock.monotonic()), request, b"")
            done += 1
        return done

    return sum(await asyncio.gather(*(register() for _ in range(at_once))))


def _register(port: int, number: int) -> bytes:
    body = {"name": f"d{number}", "schema_fingerprint": "v1", "objects": [], "row_count": 0}
    return post(port, "/v1/catalog/register", json.dumps(body).encode(), "application/json")
