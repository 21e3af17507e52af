"""The idle worker processes: chooses one for each query, and keeps enough of them.

DuckDB's threads wait for each other by spinning. Where each core has a query of its own, a second
thread for one costs a fifth more work and gains nothing; a query that runs alone ends sooner with it.
The number cannot be changed in a worker that is locked in, so there is one worker more, with all
threads, for a query that has the machine to itself.

A principal that has no query running may have one beside `size` of others: its worker is the one with
all threads, or else one that is started when it is first needed and then kept.
"""

import asyncio
import os
from functools import partial
from pathlib import Path

import msgspec

from lakehouse.process.forking.fork_server import ForkServer
from lakehouse.query.processes.worker_handle import WorkerDied, WorkerProcess, start_worker
from lakehouse.query.wire.messages import Configure


class WorkerPool:
    """`size` workers for queries beside others, and one for a query alone where that differs."""

    def __init__(self, forks: ForkServer, configure: Configure, size: int) -> None:
        self._forks = forks
        cores = len(os.sched_getaffinity(0))
        self._alone = configure
        self._beside = msgspec.structs.replace(
            configure, threads=max(1, min(configure.threads, cores // size))
        )
        self._size = size
        self._total = size + (configure.threads != self._beside.threads)
        self._idle: list[WorkerProcess] = []
        self._in_use: set[WorkerProcess] = set()
        self._leaving: set[WorkerProcess] = set()
        """Workers in use whose successors are ready: they end when they are returned."""
        self._successions: dict[WorkerProcess, asyncio.Task[None]] = {}
        self._ends: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start every worker. Raises the error that prevents the first one from starting."""
        directory = Path(self._alone.temp_directory)
        await asyncio.to_thread(partial(directory.mkdir, parents=True, exist_ok=True))
        wanted = [self._beside] * self._size + [self._alone] * (self._total - self._size)
        started = await asyncio.gather(
            *map(partial(start_worker, self._forks), wanted), return_exceptions=True
        )
        self._idle.extend(one for one in started if not isinstance(one, BaseException))
        for failure in (one for one in started if isinstance(one, BaseException)):
            await self.close()
            raise failure

    async def close(self) -> None:
        """End every idle worker."""
        await asyncio.gather(*self._successions.values(), *self._ends)
        await asyncio.gather(*(worker.close() for worker in self._idle))
        self._idle.clear()

    async def take(self, alone: bool) -> WorkerProcess:
        """A worker for a query that runs `alone` now, or beside others. Raises WorkerDied, OSError."""
        await self._remove_dead()
        wanted = self._alone if alone else self._beside
        fitting = [each for each in self._idle if each.threads == wanted.threads]
        if not self._idle or (not fitting and len(self._idle) + len(self._in_use) < self._total):
            worker = await start_worker(self._forks, wanted)
        else:
            worker = (fitting or self._idle)[-1]
            self._idle.remove(worker)
        self._in_use.add(worker)
        return worker

    async def _remove_dead(self) -> None:
        """Remove workers that died while idle, so that no query gets one."""
        dead = [each for each in self._idle if not each.lives]
        if not dead:
            return
        for worker in dead:
            self._idle.remove(worker)
        await asyncio.gather(*(worker.close() for worker in dead))

    def give_back(self, worker: WorkerProcess) -> None:
        """Return a worker; a spent one is used until its successor is ready."""
        self._in_use.discard(worker)
        if worker in self._leaving or len(self._idle) > self._size:
            self._leaving.discard(worker)
            self._end(worker)
            return
        self._idle.append(worker)
        if worker.spent and worker not in self._successions:
            self._successions[worker] = asyncio.create_task(self._succeed(worker))

    async def _succeed(self, worker: WorkerProcess) -> None:
        """Start another like it, then end it: no query waits for the start of a process."""
        try:
            successor = await start_worker(self._forks, self._like(worker))
        except (WorkerDied, OSError):
            return  # it goes on, and the next query that it answers tries again
        finally:
            del self._successions[worker]
        self._idle.append(successor)
        if worker in self._idle:
            self._idle.remove(worker)
            await worker.close()
        elif worker in self._in_use:
            self._leaving.add(worker)

    def renew(self) -> None:
        """Replace every worker by a fresh one: the idle ones now, the others once they are returned."""
        self._leaving |= self._in_use
        for worker in self._idle:
            self._end(worker)
        self._idle = []

    def _end(self, worker: WorkerProcess) -> None:
        self._ends.add(task := asyncio.create_task(worker.close()))
        task.add_done_callback(self._ends.discard)

    async def replace(self, worker: WorkerProcess) -> None:
        """End a worker and start another like it. Raises WorkerDied, OSError; then `take` starts one."""
        await worker.close()
        self._in_use.discard(worker)
        if worker in self._leaving:
            self._leaving.discard(worker)  # its successor is here
            return
        self._idle.append(await start_worker(self._forks, self._like(worker)))

    def _like(self, worker: WorkerProcess) -> Configure:
        return self._alone if worker.threads == self._alone.threads else self._beside
