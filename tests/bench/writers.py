"""Several processes that write to one local bucket: throughput, latency, and refusals for lost races.

    python -m tests.bench.writers [--writers 1,8] [--clients 32] [--seconds 10]

Each process runs a node; the clients are divided among them, and each sends its next change when it
has the answer to the last. Prints one row for each number of writers. `--minutes 10 --writers 16`
goes on for as long and prints a row a minute.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path
from statistics import quantiles

import structlog

from journal.bucket.keys import Tag, object_blob
from journal.bucket.local.bucket import LocalBucket
from journal.clock import SystemClock, random_name, uuid7
from lakehouse.commit.batch import Recorded
from lakehouse.commit.delegation.sockets import SocketNetwork
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Context, StoreObject
from lakehouse.domain.errors import RefusedError
from tests.bench.report import CHECKOUT

HEADER = (
    *("writers", "clients", "changes/s", "slots/s", "lost/slot", "CPU s/s"),
    *("p50 ms", "p99 ms", "p99/p50", "refused"),
)


def main() -> None:
    """Measure each number of writers in turn, each on a lake of its own."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    given = _arguments()
    if given.child:
        asyncio.run(_child(Path(given.child), given))
        return
    print(" ".join(f"{name:>10}" for name in HEADER))
    for writers in given.writers:
        for _ in range(given.minutes or 1):
            seconds = 60.0 if given.minutes else given.seconds
            with tempfile.TemporaryDirectory() as name:
                row = _measure(Path(name), writers, given, seconds)
            print(" ".join(f"{cell:>10}" for cell in row), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure several writers on one bucket.")
    parser.add_argument("--writers", type=lambda text: [*map(int, text.split(","))], default=[1, 8])
    parser.add_argument("--clients", type=int, default=32, help="of all writers together")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--minutes", type=int, default=0, help="go on for as long")
    parser.add_argument("--alone", action="store_true", help="hand no changes over: take turns")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--start-at", type=float, default=0.0, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(directory: Path, writers: int, given: argparse.Namespace, seconds: float) -> list[str]:
    clients = given.clients
    share = [clients // writers + (number < clients % writers) for number in range(writers)]
    asyncio.run(_begin(directory / "lake"))
    start_at = time.time() + 1.0 + 0.5 * writers
    command = [sys.executable, "-m", "tests.bench.writers", "--child", str(directory / "lake")]
    command += ["--alone"] if given.alone else []
    children = [
        subprocess.Popen(
            [*command, f"--clients={each}", f"--start-at={start_at}", f"--seconds={seconds}"],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for each in share
    ]
    outcomes = [json.loads(child.communicate()[0]) for child in children]
    latencies = sorted(latency for each in outcomes for latency in each["latencies"])
    cuts = quantiles(latencies, n=100)
    p50, p99 = cuts[49] * 1e3, cuts[98] * 1e3
    refused = sum((Counter(each["refused"]) for each in outcomes), Counter())
    slots, lost = (sum(each[name] for each in outcomes) for name in ("slots", "lost"))
    return [
        str(writers),
        str(clients),
        f"{len(latencies) / seconds:,.0f}",
        f"{slots / seconds:,.0f}",
        f"{lost / slots:.2f}",
        f"{sum(each['cpu_s'] for each in outcomes) / seconds:.2f}",
        f"{p50:.1f}",
        f"{p99:.1f}",
        f"{p99 / p50:.1f}",
        json.dumps(dict(refused)) if refused else "none",
    ]


async def _begin(directory: Path) -> None:
    """Make the lake, so that no process has to."""
    bucket = await LocalBucket.open(directory)
    await Node.open(bucket, SystemClock(), random.Random())
    await bucket.close()


async def _child(directory: Path, given: argparse.Namespace) -> None:
    sockets = None if given.alone else partial(SocketNetwork, directory.parent / "sockets")
    bucket = await LocalBucket.open(directory)
    node = await Node.open(bucket, SystemClock(), random.Random(), reach=sockets)
    node.start(1.0, lambda: None)
    await asyncio.sleep(max(0.0, given.start_at - time.time()))
    latencies: list[float] = []
    refused: Counter[str] = Counter()
    until, cpu_s = time.monotonic() + given.seconds, time.process_time()
    crowd = [_client(node, until, latencies, refused) for _ in range(given.clients)]
    await asyncio.gather(*crowd)
    counts = node.writer.counts
    outcome = {"latencies": latencies, "refused": dict(refused), "slots": counts.slots}
    print(json.dumps({**outcome, "lost": counts.races_lost, "cpu_s": time.process_time() - cpu_s}))
    await node.stop(5.0)
    await bucket.close()


async def _client(node: Node, until: float, latencies: list[float], refused: Counter[str]) -> None:
    while time.monotonic() < until:
        began = time.monotonic()
        try:
            context = Context("bench", uuid7(node.clock.now(), node.chance))
            outcome = await node.writer.submit(_change(node), context)
        except RefusedError as error:
            refused[error.refused.code] += 1
            continue
        if not isinstance(outcome, Recorded):
            raise SystemExit(f"a change became no event: {outcome.decision}")
        latencies.append(time.monotonic() - began)


def _change(node: Node) -> StoreObject:
    """A version of a key of its own; its bytes are never read."""
    lake, name = node.follower.journal.lake.lake, random_name(node.chance, 12)
    blob = object_blob("0" * 64, Tag(lake[:8], node.state.head.seq, name))
    return StoreObject(f"k/{name}", 0, "0" * 64, "text/plain", blob)


if __name__ == "__main__":
    main()
