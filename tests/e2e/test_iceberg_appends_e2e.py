"""Appends of Iceberg clients while processes race, and die by kill -9: each row is there once.

LAKEHOUSE_TEST_KILLS says how many kills, LAKEHOUSE_TEST_SEED which run of chance.
"""

import contextlib
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from iceberg_writer import Get, Put, Staged
from places import Place, Start
from process import Client, Lakehouse, Lost
from s3_server import S3Server

KILLS = int(os.environ.get("LAKEHOUSE_TEST_KILLS", "4"))
MOST_KILLS = 4 * KILLS
"""Where none of the first met an append in flight: on a busy machine they may all come too late."""
SEED = int(os.environ.get("LAKEHOUSE_TEST_SEED", "1"))
TABLE = "/iceberg/v1/namespaces/lake/tables/t"
ATTEMPTS = 100
Json = dict[str, Any]
Stage = Callable[[Client, int], Staged]
"""Stages an append of two files, each with one row of this number."""


@pytest.fixture
def stage(place: Place, request: pytest.FixtureRequest) -> Iterator[Stage]:
    with contextlib.ExitStack() as stack:
        put, get = _directory()
        if place.bucket.startswith("s3://"):
            server: S3Server = request.getfixturevalue("s3_server")
            put, get = _store(stack.enter_context(server.client()))

        def staged(client: Client, number: int) -> Staged:
            row = pa.table({"a": pa.array([number], pa.int64())})
            return Staged(client.get(TABLE)["metadata"], put, get, row, row)

        yield staged


def _directory() -> tuple[Put, Get]:
    def put(url: str, body: bytes) -> None:
        path = Path(url.removeprefix("file://"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    return put, lambda url: Path(url.removeprefix("file://")).read_bytes()


def _store(client: Any) -> tuple[Put, Get]:
    def named(url: str) -> dict[str, str]:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        return {"Bucket": bucket, "Key": key}

    def put(url: str, body: bytes) -> None:
        client.put_object(**named(url), Body=body)

    return put, lambda url: client.get_object(**named(url))["Body"].read()


def send(client: Client, body: Json) -> int:
    return client.request("POST", TABLE, json.dumps(body).encode()).status


def commit(client: Client, append: Staged) -> int:
    """Commit until it lands, as Iceberg's clients do; how often the table had changed meanwhile."""
    metadata = append.metadata
    for conflicts in range(ATTEMPTS):
        status = send(client, append.commit(metadata))
        if status == 200:
            return conflicts
        assert status == 409
        metadata = client.get(TABLE)["metadata"]
    raise AssertionError(f"{ATTEMPTS} attempts, and the table had always changed")


def check(processes: list[Lakehouse], numbers: list[int]) -> None:
    """Each number is there twice, at both processes, and each append is one event."""
    head = max(each.client.get("/v1/journal/head")["seq"] for each in processes)
    assert head == 1 + len(numbers)
    for each in processes:
        each.client.get("/v1/journal/head", X_Min_Seq=str(head))
        found = each.client.sql("SELECT a, count(*) FROM t GROUP BY a ORDER BY a")["rows"]
        assert found == [[-1, 1], *([number, 2] for number in sorted(numbers))]
    assert processes[0].journal("verify")["seq"] == head


def begin(start: Start, count: int) -> list[Lakehouse]:
    processes = [start(ICEBERG_WRITES=True) for _ in range(count)]
    assert processes[0].client.ingest("name=t", b"a\n-1\n").status == 200
    for each in processes:
        each.client.get("/v1/journal/head", X_Min_Seq="1")
    return processes


def test_two_writers_race(start: Start, stage: Stage) -> None:
    processes = begin(start, 2)

    def work(writer: int) -> int:
        client = processes[writer].client
        numbers = range(writer * 100, writer * 100 + 3)
        return sum(commit(client, stage(client, number)) for number in numbers)

    # The same base for both, so that one at least has a conflict.
    first = [stage(each.client, 1_000 + number) for number, each in enumerate(processes)]
    conflicts = sum(
        commit(each.client, append) for each, append in zip(processes, first, strict=True)
    )
    assert conflicts >= 1
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))
    check(processes, [1_000, 1_001, *range(3), *range(100, 103)])


def test_kills_neither_lose_nor_double_an_append(start: Start, stage: Stage) -> None:
    processes, rng = begin(start, 2), random.Random(SEED)
    usual_s = _timed_s(lambda: commit(processes[0].client, stage(processes[0].client, 0)))
    lost, numbers = 0, [0]
    with ThreadPoolExecutor(1) as pool:
        for number in range(1, MOST_KILLS + 1):
            if lost and number > KILLS:
                break
            victim = processes[number % 2]
            append = stage(victim.client, number)
            running = pool.submit(_sent, victim.client, append.commit())
            time.sleep(rng.uniform(0.1, 1.0) * usual_s)
            victim.kill()
            if running.result() == 200:
                usual_s /= 2  # the first append was a slow one: this kill came too late
            else:
                lost += 1
            victim.start()
            commit(processes[(number + rng.randint(0, 1)) % 2].client, append)
            numbers.append(number)
    assert lost, "no kill ever met an append in flight"
    check(processes, numbers)


def _sent(client: Client, body: Json) -> int | None:
    with contextlib.suppress(*Lost):
        return send(client, body)
    return None


def _timed_s(work: Callable[[], object]) -> float:
    began_s = time.monotonic()
    work()
    return time.monotonic() - began_s
