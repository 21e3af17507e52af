"""Hosts: machines on which a process of the product lives, crashes, pauses and is started again.

The process itself is the product's own `Node` or `Follower`, unchanged. Must never help it: a
restarted process begins with empty memory.
"""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from datetime import timedelta

from journal.bucket.errors import BucketError
from journal.log import find_journal
from lakehouse.commit.delegation.network import Network
from lakehouse.commit.faults import HALTING, KNOWN, refusal
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Command
from lakehouse.domain.decision import DataStep
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.caller import Caller
from lakehouse.service.changes import settle
from lakehouse.service.gc.collector import GarbageCollector, GcWaits
from lakehouse.service.sql.queries import Queries
from projections.fold import State
from projections.states.follower import Follower
from tests.simulation.data_steps import DataSteps
from tests.simulation.network import Machine, MachineNetwork
from tests.simulation.record import Crashed, Read, Record, Request
from tests.simulation.store import SimulatedBucket, Store
from tests.simulation.trace import Trace
from tests.simulation.virtual_time import Process, SimulatedClock, VirtualLoop

POLL_S = 3.0
LAG_S, QUERY_S = 1.0, 3.0
COLLECTOR = "collector"
"""What collectors' events have for a correlation."""


class Host(ABC):
    """One machine: its clock, its chance, and the process that runs on it now."""

    def __init__(
        self, name: str, store: Store, chance: random.Random, record: Record, skew_s: float
    ) -> None:
        self.name = name
        self.store = store
        self.loop: VirtualLoop = store.loop
        self.trace: Trace = store.trace
        self.chance = chance
        self.record = record
        self.clock = SimulatedClock(self.loop, skew_s)
        self.lives: list[Process] = []
        self.waiting: list[asyncio.Future[None]] = []
        self.state: Callable[[], State] | None = None
        """How to see the state of the process, once it has one."""

    @property
    def process(self) -> Process:
        return self.lives[-1]

    @property
    def up(self) -> bool:
        return self.state is not None

    def start(self) -> None:
        """A new process, with nothing but what is in the bucket."""
        self.lives.append(Process(f"{self.name}.{len(self.lives)}", self.loop))
        self.trace.add(self.process.name, "starts")
        self.process.spawn(self._live(SimulatedBucket(self.store, self.process)))

    def crash(self) -> None:
        """kill -9: clients that wait for an answer see the connection break."""
        self.trace.add(self.process.name, "crashes")
        self.process.crash()
        self.state = None
        waiting, self.waiting = self.waiting, []
        for answered in waiting:
            if not answered.done():
                answered.set_result(None)

    async def serve(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` inside the process; returns when it is done or the process has crashed."""
        done: asyncio.Future[None] = self.loop.create_future()
        self.waiting = [*(each for each in self.waiting if not each.done()), done]

        async def inside() -> None:
            await work()
            if not done.done():
                done.set_result(None)

        self.process.spawn(inside())
        await done

    def halt(self, error: object) -> None:
        """The process gave up for good; the invariants want to know."""
        self.trace.add(self.process.name, f"halts: {error}")
        self.record.halts.append(f"{self.process.name}: {error}")

    async def _live(self, bucket: SimulatedBucket) -> None:
        while True:
            try:
                return await self._open(bucket)
            except BucketError as error:
                self.trace.add(self.process.name, f"cannot open: {error}")
            except HALTING as error:
                return self.halt(error)
            await asyncio.sleep(self.chance.uniform(0.1, 5.0))

    @abstractmethod
    async def _open(self, bucket: SimulatedBucket) -> None:
        """Open the bucket, then run until the process ends. Raises BucketError or one of HALTING."""


class WriterHost(Host):
    """Runs a node; on a `machine`, processes hand each other changes."""

    node: Node
    machine: Machine | None = None
    _network: MachineNetwork | None = None

    def crash(self) -> None:
        super().crash()
        if self._network is not None:
            self._network.crash()

    def _reach(self, machine: Machine) -> Network:
        self._network = MachineNetwork(machine)
        return self._network

    async def _open(self, bucket: SimulatedBucket) -> None:
        machine = self.machine
        reach = (lambda lake: self._reach(machine)) if machine else None
        node = await Node.open(bucket, self.clock, self.chance, reach=reach)
        self._bucket = bucket
        if node.writer.fault is not None:
            self.halt(node.writer.fault)
        node.start(POLL_S, lambda: self.halt("a task of the node died"))
        self.node = node
        self.state = lambda: node.state
        self.trace.add(self.process.name, f"serves from {node.state.head.seq}")

    async def change(self, request: Request) -> None:
        """Carry one change through, as the service does, and note the answer."""
        request.answer = Crashed()
        process, stood_still_s = self.process, self.process.paused_s

        async def work() -> None:
            request.answer = await self._settle(request)

        await self.serve(work)
        request.answered_at = self.loop.time()
        request.stood_still_s = process.paused_s - stood_still_s
        self.trace.add(request.id, f"gets {answer_text(request.answer)}")

    async def _settle(self, request: Request) -> object:
        node = self.node
        caller = Caller(
            request.actor,
            self.clock.monotonic(),
            route="simulation",
            correlation=request.id,
            idempotency_key=request.key,
        )

        work = DataSteps(node, self._bucket, self.chance)

        async def advance(command: Command, step: DataStep) -> Command:
            began_s = self.loop.time()
            request.read_again += 1
            try:
                request.command = await work.advanced(command, step)
            finally:
                request.bringing_s += self.loop.time() - began_s
            return request.command

        try:
            began_s = self.loop.time()
            try:
                request.command = await work.command_for(request.command)
            finally:
                request.bringing_s += self.loop.time() - began_s
            return await settle(node, request.command, caller, request.payload, advance)
        except RefusedError as error:
            return error.refused
        except KNOWN as error:
            return refusal(error)

    async def collect(self) -> bool:
        """Whether a run of the product's own gc ends; what keeps it from going on is met by the next."""
        ended: list[bool] = []

        async def work() -> None:
            node = self.node
            waits = GcWaits(lag_s=LAG_S, query_s=QUERY_S)
            collection = GarbageCollector(node, Queries(node), waits)
            caller = Caller("collector", self.clock.monotonic(), correlation=COLLECTOR)
            try:
                plan = await collection.plan(timedelta(seconds=self.record.retention_s))
                done = await collection.collect(plan, caller)
                self.trace.add(self.process.name, f"collected: {done}")
                ended.append(True)
            except RefusedError as error:
                self.trace.add(self.process.name, f"stops collecting: {error}")
            except KNOWN as error:
                self.trace.add(self.process.name, f"stops collecting: {type(error).__name__}")

        await self.serve(work)
        return bool(ended)

    async def read(self, min_seq: int) -> Read | None:
        """What a reader sees that sends X-Min-Seq; None when it must retry, or was cut off."""
        seen: list[Read] = []

        async def work() -> None:
            try:
                state = await self.node.wait_for_seq(min_seq, within_s=20)
            except RefusedError:
                return
            seen.append(_read(self.name, min_seq, state))

        await self.serve(work)
        return seen[0] if seen else None

    def check_halted(self) -> None:
        """Note a node that has stopped writing."""
        if self.up and self.node.writer.fault is not None:
            self.halt(self.node.writer.fault)


class ReaderHost(Host):
    """Runs a follower that never writes."""

    async def _open(self, bucket: SimulatedBucket) -> None:
        while (journal := await find_journal(bucket, self.clock, self.chance)) is None:
            await asyncio.sleep(1)
        follower = Follower(journal)
        self.state = lambda: follower.state
        while True:
            try:
                await (follower.catch_up() if follower.state.head.seq else follower.open())
            except BucketError as error:
                self.trace.add(self.process.name, f"lags: {type(error).__name__}")
            await asyncio.sleep(POLL_S * self.chance.uniform(0.5, 1.5))


def answer_text(answer: object) -> str:
    """An answer in a few words."""
    match answer:
        case Refused(code, detail):
            return f"{code} ({detail})"
        case Crashed():
            return "nothing: the process died"
    return f"seq {answer.seq}{', fresh' if answer.fresh else ''}"


def _read(host: str, min_seq: int, state: State) -> Read:
    head = state.head
    return Read(host, min_seq, head.position, head.seq, head.sha256, None)
