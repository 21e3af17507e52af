"""Starting on 10,000 datasets: ready in time, and the first query on one of them costs one of them."""

import asyncio
import random
import shutil
import time
from pathlib import Path

import msgspec

from journal.bucket.local.bucket import LocalBucket
from journal.clock import SystemClock
from lakehouse.api.catalog.datasets import ObjectReference, RegisterRequest
from lakehouse.commit.node import Node
from lakehouse.service.caller import Caller
from lakehouse.service.catalog.use_case import Catalog
from lakehouse.service.index.entity_chains import EntityChains
from tests.bench.sql_asking import whole
from tests.bench.sql_servers import serving

DATASETS = 10_000
AT_ONCE = 64


class Start(msgspec.Struct, frozen=True):
    """Seconds from a server's first instruction to its readiness, and of the first query on it."""

    ready_s: float
    query_s: float


def starts(one: Path, many: Path, name: str, rounds: int) -> tuple[Start, Start]:
    """Starting on the bucket `one`, which holds `name` alone, and on it with 10,000 more."""
    shutil.copytree(one, many)
    asyncio.run(_registered(many, name))
    found: dict[Path, list[Start]] = {one: [], many: []}
    for _ in range(rounds):
        found[one].append(_start(one, name))
        found[many].append(_start(many, f"d{DATASETS // 2}"))
    return _best(found[one]), _best(found[many])


async def _registered(bucket: Path, name: str) -> None:
    node = await Node.open(await LocalBucket.open(bucket), SystemClock(), random.Random())
    node.start(1.0, lambda: None)
    key = node.state.catalog.datasets[name].objects[0].key
    catalog = Catalog(node, EntityChains(node))
    for first in range(0, DATASETS, AT_ONCE):
        requests = [
            RegisterRequest(f"d{number}", f"v{number}", (ObjectReference(key),))
            for number in range(first, min(first + AT_ONCE, DATASETS))
        ]
        caller = Caller("bench", node.clock.monotonic())
        await asyncio.gather(*(catalog.register(caller, each, b"") for each in requests))
    await node.stop(5.0)
    await node.bucket.close()


def _start(bucket: Path, name: str) -> Start:
    began_s = time.perf_counter()
    with serving(bucket, "/ready") as server:
        ready_s = time.perf_counter() - began_s
        answer = asyncio.run(whole(server, f"SELECT max(rate) AS r FROM {name}"))
    return Start(ready_s, answer.all_s)


def _best(found: list[Start]) -> Start:
    """One query of some milliseconds is measured once a start: whatever else runs only adds to it."""
    return Start(min(each.ready_s for each in found), min(each.query_s for each in found))
