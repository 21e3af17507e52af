"""Many writers on one store, each with its own round trips, in virtual time.

Owns the store's distances, the clients and what they measure. Nothing goes wrong in it but lost races:
faults are the matter of `store`. Must never wait for real.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from statistics import quantiles

from journal.bucket.keys import Tag, object_blob
from journal.bucket.memory import MemoryBucket
from journal.bucket.port import Created, Stat
from journal.clock import random_name, uuid7
from lakehouse.commit.delegation.network import Network
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Context, StoreObject
from lakehouse.domain.errors import RefusedError
from tests.simulation.network import Machine, MachineNetwork
from tests.simulation.virtual_time import SimulatedClock, VirtualLoop, chance_of

THINK_S = 0.0005
"""Between a client's answer and its next change."""
MESSAGE_S = 0.0005
"""A message between two processes of one machine, with what they do about it."""


@dataclass(frozen=True)
class Distance:
    """The mean round trips of one process, in seconds; each one is 0.8 to 1.4 times as long."""

    get_s: float
    put_s: float


LOCAL = Distance(0.0005, 0.004)
S3 = Distance(0.015, 0.03)


def far(times: float) -> Distance:
    """The round trips of a process that is so many times as far from the store as the nearest."""
    return Distance(S3.get_s * times, S3.put_s * times)


@dataclass(frozen=True)
class Outcome:
    """What the clients of a run have seen; latencies in seconds, by writer."""

    latencies: list[list[float]]
    refused: int
    slots: int

    @property
    def changes(self) -> int:
        return sum(map(len, self.latencies))

    @property
    def p50_s(self) -> float:
        return self._quantile(50)

    @property
    def p99_s(self) -> float:
        return self._quantile(99)

    @property
    def smallest_share(self) -> float:
        """How many changes the worst-off writer made, of those that the best-off made."""
        made = [len(each) for each in self.latencies]
        return min(made) / max(made)

    def _quantile(self, percent: int) -> float:
        return quantiles([each for some in self.latencies for each in some], n=100)[percent - 1]


class DistantBucket:
    """A bucket that is shared at some distance; as much of a `Bucket` as a node without gc needs."""

    url = "memory://"
    spool_dir = None

    def __init__(self, near: MemoryBucket, clock: SimulatedClock, way: Distance, seed: int) -> None:
        self._near = near
        self._clock = clock
        self._way = way
        self._chance = chance_of(seed, "way", way)

    async def create(self, key: str, body: bytes) -> Created:
        await self._go(self._way.put_s)
        created = await self._near.create(key, body)
        await self._go(self._way.put_s)
        return created

    async def read(self, key: str) -> bytes:
        await self._go(self._way.get_s)
        try:
            return await self._near.read(key)
        finally:
            await self._go(self._way.get_s)

    async def list_objects(self, prefix: str, after: str = "", limit: int = 1000) -> list[Stat]:
        await self._go(self._way.get_s)
        return await self._near.list_objects(prefix, after, limit)

    async def now(self) -> datetime:
        return self._clock.now()

    async def _go(self, round_trip_s: float) -> None:
        await asyncio.sleep(round_trip_s / 2 * self._chance.uniform(0.8, 1.4))


def contend(
    ways: list[Distance], clients: int, seconds: float, seed: int = 1, machines: int | None = None
) -> Outcome:
    """So many clients of each writer, each sending its next change when the last is answered.

    The writers run on so many machines, in turn; without `machines` none can reach another.
    """
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(_contend(loop, ways, clients, seconds, seed, machines))
    finally:
        loop.close()


async def _contend(
    loop: VirtualLoop,
    ways: list[Distance],
    clients: int,
    seconds: float,
    seed: int,
    machines: int | None,
) -> Outcome:
    near, clock = MemoryBucket(), SimulatedClock(loop, 0.0)
    nodes: list[Node] = []
    hosts = [
        Machine(loop, chance_of(seed, "machine", number), MESSAGE_S)
        for number in range(machines or 0)
    ]
    for number, way in enumerate(ways):
        bucket = DistantBucket(near, clock, way, seed + number)
        reach = _reach(hosts[number % len(hosts)]) if hosts else None
        node = await Node.open(
            bucket,  # type: ignore[arg-type]
            clock,
            chance_of(seed, number),
            reach=reach,
        )
        node.start(1.0, lambda: None)
        nodes.append(node)
    crowds = [_Crowd(node, loop.time() + seconds, loop) for node in nodes]
    await asyncio.gather(*(crowd.client() for crowd in crowds for _ in range(clients)))
    for node in nodes:
        await node.stop(5.0)
    latencies, refused = [each.latencies for each in crowds], sum(each.refused for each in crowds)
    return Outcome(latencies, refused, nodes[0].state.head.position)


def _reach(machine: Machine) -> Callable[[str], Network]:
    return lambda lake: MachineNetwork(machine)


class _Crowd:
    """The clients of one node."""

    def __init__(self, node: Node, until_s: float, loop: VirtualLoop) -> None:
        self._node = node
        self._until_s = until_s
        self._loop = loop
        self.latencies: list[float] = []
        self.refused = 0

    async def client(self) -> None:
        while self._loop.time() < self._until_s:
            began_s = self._loop.time()
            try:
                node = self._node
                context = Context("client", uuid7(node.clock.now(), node.chance))
                await node.writer.submit(_change(node.chance), context)
                self.latencies.append(self._loop.time() - began_s)
            except RefusedError:
                self.refused += 1
            await asyncio.sleep(THINK_S)


def _change(chance: random.Random) -> StoreObject:
    """A version of a key of its own."""
    name = random_name(chance, 12)
    return StoreObject(
        f"k/{name}", 0, "0" * 64, "text/plain", object_blob("0" * 64, Tag("0" * 8, 0, name))
    )
