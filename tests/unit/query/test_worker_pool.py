"""Which worker a query gets: one with all threads when it runs alone, one of its share beside others."""

import asyncio
import os
from typing import Any

import pytest

from lakehouse.process.forking.fork_server import ForkServer
from lakehouse.query.processes import pool
from lakehouse.query.processes.pool import WorkerPool
from lakehouse.query.processes.worker_handle import WorkerDied
from lakehouse.query.wire.messages import Configure


class Process:
    def __init__(self, configure: Configure) -> None:
        self.threads = configure.threads
        self.closed = False
        self.lives = True
        self.spent = False

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    found: list[Process] = []

    async def start_worker(forks: ForkServer, configure: Configure) -> Any:
        found.append(Process(configure))
        return found[-1]

    monkeypatch.setattr(pool, "start_worker", start_worker)
    return found


async def pool_of(
    monkeypatch: pytest.MonkeyPatch, cores: int, size: int, folder: object
) -> WorkerPool:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    configure = Configure((), str(folder), 1, 1, 1, threads=2, growth_bytes=9)
    made = WorkerPool(ForkServer(()), configure, size)
    await made.start()
    return made


@pytest.mark.parametrize(
    ("cores", "size", "threads"),
    [(2, 2, [1, 1, 2]), (1, 2, [1, 1, 2]), (4, 2, [2, 2]), (2, 1, [2]), (2, 4, [1, 1, 1, 1, 2])],
)
async def test_there_is_one_more_where_cores_are_few(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: object,
    started: list[Process],
    cores: int,
    size: int,
    threads: list[int],
) -> None:
    await pool_of(monkeypatch, cores, size, tmp_path)
    assert [each.threads for each in started] == threads


async def test_a_query_alone_has_all_threads_and_one_beside_others_its_share(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, started: list[Process]
) -> None:
    workers = await pool_of(monkeypatch, 2, 2, tmp_path)
    first = await workers.take(alone=True)
    second = await workers.take(alone=False)
    assert (first.threads, second.threads) == (2, 1)
    third = await workers.take(alone=True)
    assert third.threads == 1, "the one with all threads is taken, and none is started beside it"
    assert len(started) == 3
    await workers.take(alone=False)
    assert len(started) == 4, "there is no idle one left"


async def test_what_is_replaced_has_as_many_threads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, started: list[Process]
) -> None:
    workers = await pool_of(monkeypatch, 2, 2, tmp_path)
    for alone in (True, False):
        worker = await workers.take(alone)
        await workers.replace(worker)
        assert (await workers.take(alone)).threads == worker.threads
    assert sum(each.closed for each in started) == 2


async def test_one_that_died_idle_is_started_anew_when_it_is_wanted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, started: list[Process]
) -> None:
    workers = await pool_of(monkeypatch, 2, 2, tmp_path)
    next(each for each in started if each.threads == 2).lives = False
    assert (await workers.take(alone=False)).threads == 1
    assert len(started) == 3, "that one was not wanted"
    assert (await workers.take(alone=True)).threads == 2
    assert len(started) == 4
    assert (await workers.take(alone=True)).threads == 1
    assert len(started) == 4, "all are there"


async def test_a_spent_worker_serves_until_its_successor_is_ready(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, started: list[Process]
) -> None:
    workers = await pool_of(monkeypatch, 2, 1, tmp_path)
    ready = asyncio.Event()
    start = pool.start_worker

    async def slow_start(forks: ForkServer, configure: Configure) -> Any:
        await ready.wait()
        return await start(forks, configure)

    monkeypatch.setattr(pool, "start_worker", slow_start)
    spent = await workers.take(alone=True)
    spent.spent = True
    workers.give_back(spent)
    assert await workers.take(alone=True) is spent and len(started) == 1
    ready.set()
    while len(started) == 1:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not started[0].closed, "a query uses it"
    workers.give_back(spent)
    await asyncio.sleep(0)
    assert started[0].closed
    successor = await workers.take(alone=True)
    assert successor is started[1] and len(started) == 2 and not started[1].closed


async def test_an_idle_spent_worker_ends_when_its_successor_is_ready(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, started: list[Process]
) -> None:
    workers = await pool_of(monkeypatch, 2, 1, tmp_path)
    spent = await workers.take(alone=True)
    spent.spent = True
    workers.give_back(spent)
    await workers.close()
    assert [each.closed for each in started] == [True, True]


async def test_a_successor_that_cannot_start_leaves_the_spent_worker_in_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, started: list[Process]
) -> None:
    workers = await pool_of(monkeypatch, 2, 1, tmp_path)
    spent = await workers.take(alone=True)
    spent.spent = True

    async def fail(forks: ForkServer, configure: Configure) -> Any:
        raise WorkerDied

    monkeypatch.setattr(pool, "start_worker", fail)
    workers.give_back(spent)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await workers.take(alone=True) is spent
