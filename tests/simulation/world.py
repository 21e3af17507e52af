"""One run: hosts, clients and weather on one store, from a seed; then quiet; then judgement."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from unittest import mock

from structlog.testing import capture_logs

from journal.bucket.keys import CHECKPOINTS, PACKS
from projections.codec import state_root
from tests.simulation.clients import Client
from tests.simulation.hosts import Host, ReaderHost, WriterHost
from tests.simulation.invariants import broken_promises
from tests.simulation.network import Machine
from tests.simulation.plain_state import GRACE_S, REMEMBERED_EVENTS, read_slots
from tests.simulation.record import Record
from tests.simulation.store import CALM, WEATHERS, Store
from tests.simulation.trace import Trace
from tests.simulation.virtual_time import VirtualLoop, bury, chance_of

FOREIGN = f"objects/{'f' * 64}-ffffffff-0-x"
"""An object of another lake that was put into the same bucket by mistake."""
ERASING = 300
"""From this seed on clients erase rows too: where they do, other faults are harder to find."""

DELEGATING = 1_000
"""From this seed on processes of one machine hand each other changes."""


@dataclass
class Run:
    """What came of one seed."""

    seed: int
    broken: list[str]
    trace_hash: str
    steps: int
    slots: int
    caches: int
    """Checkpoints and packs that were made."""
    requests: int
    crashes: int
    deleted: int
    """Objects that collectors removed."""
    virtual_s: float
    last: list[str]


class World:
    """Everything that there is in one run."""

    def __init__(self, seed: int, loop: VirtualLoop, loud: bool) -> None:
        self.loop = loop
        self.trace = Trace(loop.time, loud)
        self.record = Record()
        self.chance = chance_of(seed, "world")
        self.store = Store(loop, chance_of(seed, "store"), self.trace)
        self.writers = [self._writer(seed, n) for n in range(self.chance.choice([2, 2, 3, 3, 4]))]
        if seed >= DELEGATING:
            self._place(seed)
        self.readers = [ReaderHost("r0", self.store, chance_of(seed, "r0"), self.record, 0.0)]
        self.hosts: list[Host] = [*self.writers, *self.readers]
        self.record.retention_s = self.chance.choice([0.0, 2.0, 10.0, 30.0])
        self.store.land("somebody", FOREIGN, b"another lake's")
        self.record.foreign.add(FOREIGN)
        changes = self.chance.choice([8, 12, 18])
        self.clients = [
            Client(
                f"c{n}",
                self.writers,
                self.record,
                chance_of(seed, "client", n),
                changes,
                seed >= ERASING,
            )
            for n in range(2 * len(self.writers))
        ]

    def _writer(self, seed: int, number: int) -> WriterHost:
        name, chance = f"w{number}", chance_of(seed, "host", number)
        skew_s = chance.choice([0.0, 0.0, chance.uniform(-20, 20), chance.uniform(-20, 20)])
        if number and chance.random() < 0.1:
            skew_s = chance.choice([-1, 1]) * chance.uniform(120, 7_200)
            self.record.forbidden.add(name)
        return WriterHost(name, self.store, chance, self.record, skew_s)

    def _place(self, seed: int) -> None:
        """Put the writers on one machine or two; links of some worlds break often."""
        chance = chance_of(seed, "machines")
        breaking, slowness_s = chance.choice([0.0, 0.01, 0.1]), chance.choice([0.0, 10.0])
        machines = [
            Machine(self.loop, chance, 0.002, breaking, slowness_s)
            for _ in range(chance.choice([1, 1, 2]))
        ]
        for host in self.writers:
            host.machine = chance.choice(machines)

    async def live(self) -> None:
        """Trouble until all clients are done, then quiet until nothing is on its way."""
        for host in self.hosts:
            host.start()
        trouble = [asyncio.create_task(self._weather())]
        trouble += [asyncio.create_task(self._harm(host)) for host in self.hosts]
        trouble += [asyncio.create_task(self._collect(host)) for host in self.writers]
        clients = [asyncio.create_task(client.live()) for client in self.clients]
        await asyncio.gather(*clients)
        for task in trouble:
            task.cancel()
        await self._quiet()

    async def _weather(self) -> None:
        while True:
            self.store.weather = self.chance.choice(WEATHERS)
            self.trace.add("weather", self.store.weather.name)
            await asyncio.sleep(self.chance.uniform(1, 25))

    async def _harm(self, host: Host) -> None:
        """Crashes, long pauses and very short ones, at any step."""
        mean_s = self.chance.choice([3, 10, 30, 100])
        while True:
            await asyncio.sleep(self.chance.expovariate(1 / mean_s))
            if self.chance.random() < 0.25:
                host.crash()
                await asyncio.sleep(self.chance.choice([0.1, 1, 20]) * self.chance.random())
                host.start()
            else:
                await self._pause(host)

    async def _collect(self, host: WriterHost) -> None:
        """Collectors on every node, who know nothing of each other."""
        mean_s = self.chance.choice([5, 15, 40])
        while True:
            await asyncio.sleep(self.chance.expovariate(1 / mean_s))
            if host.up:
                await host.collect()

    async def _pause(self, host: Host) -> None:
        process = host.process
        length_s = self.chance.choice([0.05, 0.5, 5, 40, 120]) * self.chance.random()
        self.trace.add(process.name, f"stands still for {length_s:.3f} s")
        process.pause()
        await asyncio.sleep(length_s)
        process.resume(answers_first=self.chance.random() < 0.5)

    async def _quiet(self) -> None:
        """All repaired, everything landed, every node looked."""
        self.trace.add("weather", "calm")
        self.store.weather = CALM
        for host in self.writers:
            host.check_halted()
        self._go_on()
        await asyncio.sleep(60)
        # What is late lands while everyone sleeps: it costs no step, and they wake to it.
        for host in self.hosts:
            host.process.pause()
        await asyncio.sleep(max(0.0, self.store.all_landed_at - self.loop.time()) + 1)
        self._go_on()
        await asyncio.sleep(60)
        # A last run, when nothing is on its way: what was collected and came again late must go.
        if not await self.writers[0].collect():
            self.writers[0].halt("cannot collect although all is well")
        await asyncio.sleep(10)
        for host in self.hosts:
            if host.state is None:
                host.halt("is not up although all is well")
            else:
                self.record.roots[host.process.name] = state_root(host.state())
        for host in self.writers:
            host.check_halted()

    def _go_on(self) -> None:
        for host in self.hosts:
            host.process.resume(answers_first=True)
            if host.process.crashed:
                host.start()


@contextmanager
def small_caches() -> Iterator[None]:
    """Checkpoints and packs so often that a run of some dozen slots has them."""
    with (
        mock.patch("projections.states.checkpointing.EVERY_SLOTS", 4),
        mock.patch("journal.packs.SLOTS_A_PACK", 32),
        mock.patch("journal.log.SLOTS_A_PACK", 32),
        mock.patch("lakehouse.commit.checkpointer.SLOTS_A_PACK", 32),
        mock.patch("lakehouse.service.gc.listing.GRACE", timedelta(seconds=GRACE_S)),
        mock.patch("projections.inventory.REMEMBERED_EVENTS", REMEMBERED_EVENTS),
        # A node that opens would exclude the whole world from collection.
        mock.patch("lakehouse.commit.node.heap.settle"),
    ):
        yield


def run(seed: int, loud: bool = False) -> Run:
    """Live through one seed and judge it. Nothing of it outlives the call."""
    # What the process holds already is not examined: after other tests that takes longer than most seeds.
    gc.freeze()
    try:
        return _lived(seed, loud)
    finally:
        gc.collect()


def _lived(seed: int, loud: bool) -> Run:
    loop = VirtualLoop()
    world = World(seed, loop, loud)
    with capture_logs(), small_caches():
        try:
            loop.run_until_complete(world.live())
            return _judged(seed, world)
        finally:
            processes = [process for host in world.hosts for process in host.lives]
            loop.run_until_complete(bury(loop, processes))
            loop.close()


def _judged(seed: int, world: World) -> Run:
    world.record.deleted, world.record.landed = world.store.deleted, world.store.landed
    slots = read_slots(world.store.objects, world.store.landed_at)
    broken = broken_promises(world.record, world.store.objects, slots)
    broken += [f"a callback failed: {fault}" for fault in world.loop.faults]
    return Run(
        seed,
        broken,
        world.trace.hexdigest(),
        world.trace.lines,
        len(slots),
        sum(key.startswith((CHECKPOINTS, PACKS)) for key in world.store.objects),
        len(world.record.requests),
        sum(process.crashed for host in world.hosts for process in host.lives),
        len(world.store.deleted),
        world.loop.time(),
        list(world.trace.last),
    )
