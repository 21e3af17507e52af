"""What one commit costs at an S3 store, and how many requests the protocol makes."""

import random
import time
from collections import Counter
from collections.abc import Awaitable
from pathlib import Path
from statistics import median

from journal.bucket.keys import SLOTS
from journal.bucket.local.bucket import LocalBucket
from journal.bucket.opening import open_bucket
from journal.bucket.port import Answer, Bucket, Created, Stat
from journal.bucket.s3.settings import S3Settings
from journal.clock import SystemClock
from lakehouse.api.catalog.datasets import RegisterRequest
from lakehouse.commit.node import Node
from lakehouse.domain.errors import RefusedError
from lakehouse.service.caller import Caller
from lakehouse.service.catalog.use_case import Catalog
from lakehouse.service.index.entity_chains import EntityChains
from tests.s3_server import S3Server

COMMITS = 200


class CountingBucket(LocalBucket):
    """A local bucket that counts what would be requests, by verb."""

    counted: Counter[str] = Counter()

    async def create(self, key: str, body: bytes) -> Created:
        self.counted["PUT"] += 1
        return await super().create(key, body)

    async def read(self, key: str) -> bytes:
        self.counted["GET"] += 1
        return await super().read(key)

    async def list_objects(self, prefix: str, after: str = "", limit: int = 1000) -> list[Stat]:
        self.counted["LIST of slots" if prefix == SLOTS else "LIST"] += 1
        return await super().list_objects(prefix, after, limit)


async def commits_against_puts(server: S3Server) -> tuple[float, float]:
    """Median seconds of (one unbatched commit, one bare conditional PUT of a slot's size), in turns."""
    settings = S3Settings(
        bucket=server.make_bucket(),
        endpoint_url=server.endpoint_url,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
    )
    bucket = await open_bucket(f"s3://{settings.bucket}", settings)
    node = await Node.open(bucket, SystemClock(), random.Random())
    node.start(60.0, lambda: None)
    commits: list[float] = []
    puts: list[float] = []
    for number in range(COMMITS):
        commits.append(await _timed(_register(node, number)))
        body = await bucket.read(f"{SLOTS}{node.state.head.position:020d}.ndjson")
        puts.append(await _timed(_put(bucket, f"bare/{number}", body)))
    if node.state.head.seq != COMMITS:
        raise SystemExit(f"{COMMITS} commits made {node.state.head.seq} events")
    await node.stop(5.0)
    await bucket.close()
    return median(commits), median(puts)


async def requests_of_commits(directory: Path) -> tuple[float, dict[str, int]]:
    """PUTs a slot, and the requests of one answer that needs proof of the present."""
    bucket = await CountingBucket.open(directory)
    node = await Node.open(bucket, SystemClock(), random.Random())
    node.start(60.0, lambda: None)
    await _register(node, 0)
    bucket.counted.clear()
    for number in range(1, COMMITS + 1):
        await _register(node, number)
    made, slots = bucket.counted.total(), node.state.head.position - 1
    bucket.counted.clear()
    try:
        await Catalog(node, EntityChains(node)).drop(
            Caller("bench", node.clock.monotonic()), "absent"
        )
        raise SystemExit("what is not there was dropped")
    except RefusedError:
        proof = dict(bucket.counted)
    await node.stop(5.0)
    await bucket.close()
    return made / slots, proof


async def requests_of_opening(directory: Path) -> dict[str, int]:
    """What opening a journal asks of the store, its node's look for a gap included."""
    bucket = await CountingBucket.open(directory)
    bucket.counted.clear()
    await Node.open(bucket, SystemClock(), random.Random())
    asked = dict(bucket.counted)
    await bucket.close()
    return asked


async def _register(node: Node, number: int) -> None:
    request = RegisterRequest(f"d{number}", "v1", (), 0)
    await Catalog(node, EntityChains(node)).register(
        Caller("bench", node.clock.monotonic()), request, b""
    )


async def _put(bucket: Bucket, key: str, body: bytes) -> None:
    created = await bucket.create(key, body)
    if created.answer is not Answer.CREATED:
        raise SystemExit(f"a bare PUT was {created}")


async def _timed(work: Awaitable[None]) -> float:
    began_s = time.perf_counter()
    await work
    return time.perf_counter() - began_s
