"""Several processes that write to one bucket: throughput, latency, and refusals for lost races.

    ops/bench writers [--writers 1,8] [--clients 32] [--seconds 10] [--s3] [--alone]

Each process runs a node; the clients are divided among them, and each sends its next change when it
has the answer to the last. Prints one row for each number of writers, and writes them to RESULTS.md.
`--minutes 10 --writers 16` goes on for as long and prints a row a minute.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import quantiles

import msgspec
import structlog

from journal.bucket.keys import Tag, object_blob
from journal.bucket.opening import open_bucket
from journal.bucket.s3.settings import S3Settings
from journal.clock import SystemClock, random_name, uuid7
from lakehouse.commit.batch import Recorded
from lakehouse.commit.delegation.sockets import SocketNetwork
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Context, StoreObject
from lakehouse.domain.errors import RefusedError
from tests.bench.report import CHECKOUT, circumstances, table, write_section
from tests.s3_server import S3Server, running_s3_server

HEADER = (
    *("writers", "clients", "changes/s", "slots/s", "lost/slot", "CPU s/s"),
    *("p50 ms", "p99 ms", "p99/p50", "refused"),
)

NOTE = """CPU s/s ÷ changes/s is what a change costs. Every process decodes and folds every event, so eight
need more than one; where CPU s/s nears the number of cores, that is the limit."""


class Place(msgspec.Struct, frozen=True):
    """Where the processes of one run meet."""

    url: str
    sockets: str
    s3: S3Settings | None = None


def main() -> None:
    """Measure each number of writers in turn, each on a lake of its own."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    given = _arguments()
    if given.child:
        asyncio.run(_child(given))
        return
    print(" ".join(f"{name:>10}" for name in HEADER))
    with ExitStack() as stack:
        server = _server(stack) if given.s3 else None
        rows = [
            _printed(_measured(writers, given, server))
            for writers in given.writers
            for _ in range(given.minutes or 1)
        ]
    write_section(
        f"Writers on one bucket, {_title(given, server)}",
        f"{circumstances('writers')}\n\n{table(list(HEADER), rows)}\n\n{NOTE}",
    )


def _title(given: argparse.Namespace, server: S3Server | None) -> str:
    where = server.kind if server else "local"
    how = "in turns" if given.alone else "on one machine"
    return f"{where}, {how}, for minutes" if given.minutes else f"{where}, {how}"


def _server(stack: ExitStack) -> S3Server:
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    return stack.enter_context(running_s3_server(directory, os.environ))


def _printed(row: list[str]) -> list[str]:
    print(" ".join(f"{cell:>10}" for cell in row), flush=True)
    return row


def _measured(writers: int, given: argparse.Namespace, server: S3Server | None) -> list[str]:
    """The row of one number of writers."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        place = Place((directory / "lake").as_uri(), str(directory / "sockets"))
        if server is not None:
            settings = S3Settings(
                bucket=server.make_bucket(),
                endpoint_url=server.endpoint_url,
                access_key_id=server.access_key,
                secret_access_key=server.secret_key,
            )
            place = Place(f"s3://{settings.bucket}", place.sockets, settings)
        return _measure(place, writers, given, 60.0 if given.minutes else given.seconds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure several writers on one bucket.")
    parser.add_argument("--writers", type=lambda text: [*map(int, text.split(","))], default=[1, 8])
    parser.add_argument("--clients", type=int, default=32, help="of all writers together")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--minutes", type=int, default=0, help="go on for as long")
    parser.add_argument("--s3", action="store_true", help="on an S3 server of this machine")
    parser.add_argument("--alone", action="store_true", help="hand no changes over: take turns")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--start-at", type=float, default=0.0, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(place: Place, writers: int, given: argparse.Namespace, seconds: float) -> list[str]:
    clients = given.clients
    share = [clients // writers + (number < clients % writers) for number in range(writers)]
    asyncio.run(_begin(place))
    start_at = time.time() + 1.0 + 0.5 * writers
    command = [
        sys.executable,
        "-m",
        "tests.bench.writers",
        "--child",
        msgspec.json.encode(place).decode(),
    ]
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


async def _begin(place: Place) -> None:
    """Make the lake, so that no process has to."""
    bucket = await open_bucket(place.url, place.s3)
    await Node.open(bucket, SystemClock(), random.Random())
    await bucket.close()


async def _child(given: argparse.Namespace) -> None:
    place = msgspec.json.decode(given.child, type=Place)
    sockets = None if given.alone else partial(SocketNetwork, Path(place.sockets))
    bucket = await open_bucket(place.url, place.s3)
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
