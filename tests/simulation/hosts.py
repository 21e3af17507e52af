"""Hosts: machines on which a process of the product lives, crashes, pauses and is started again.

The process itself is the product's own `Node` or `Follower`, unchanged. Must never help it: a
restarted process begins with empty memory.
"""

import asyncio
import hashlib
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import msgspec

from journal.bucket.errors import BucketError
from journal.bucket.keys import object_blob
from journal.events import UPDATE, Column, Derivation, Erased, Object, Replacement
from journal.events import Read as VersionRead
from journal.log import find_journal
from lakehouse.commit.delegation.network import Network
from lakehouse.commit.faults import HALTING, KNOWN, refusal
from lakehouse.commit.node import Node
from lakehouse.domain.commands import (
    Command,
    CommitChangeSet,
    CommitStaged,
    EraseRows,
    IngestDataset,
    PinDataset,
    RefreshDataset,
    RestoreDataset,
    RewriteDataset,
    Rewritten,
    StoreObject,
    Table,
)
from lakehouse.domain.decision import DataStep
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.rows.commands import CompactDataset
from lakehouse.service.caller import Caller
from lakehouse.service.changes import mint, settle
from lakehouse.service.gc.collector import GarbageCollector, GcWaits
from lakehouse.service.ingest.source_history import with_source_history
from lakehouse.service.sql.queries import Queries
from projections import catalog
from projections.fold import State
from projections.follower import Follower
from projections.snapshots import BeyondHead
from tests.simulation.compactions import advanced, planned
from tests.simulation.network import Machine, MachineNetwork
from tests.simulation.record import (
    Compacting,
    Crashed,
    Deriving,
    Erasing,
    Past,
    Read,
    Record,
    Request,
    Staging,
)
from tests.simulation.store import SimulatedBucket, Store
from tests.simulation.trace import Trace
from tests.simulation.virtual_time import Process, SimulatedClock, VirtualLoop

ROWS = 5
"""Of each ingested object."""
POLL_S = 3.0
LAG_S, QUERY_S = 1.0, 3.0
SCHEMA = (Column("x", "int64"),)
FINGERPRINT = "0" * 64
"""Of all files and results."""
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

        async def advance(command: Command, step: DataStep) -> Command:
            began_s = self.loop.time()
            request.read_again += 1
            request.command = await self._advanced(node, command, step)
            request.bringing_s += self.loop.time() - began_s
            return request.command

        try:
            began_s = self.loop.time()
            if isinstance(request.command, Past):
                request.command = await _found(node, request.command)
            elif isinstance(request.command, Compacting):
                upload = partial(self._uploaded, node)
                request.command = await planned(node.state, request.command, self.chance, upload)
            elif isinstance(request.command, Staging):
                request.command = await self._staged(node, request.command)
            elif isinstance(request.command, Erasing):
                wanted = request.command
                request.command = await self._erasure(node, wanted.name, sha256_of(wanted.part))
            elif isinstance(request.command, Deriving):
                wanted = request.command
                request.command = self._derived(node, wanted.name, wanted.mode, wanted.base)
            request.bringing_s += self.loop.time() - began_s
            return await settle(node, request.command, caller, request.payload, advance)
        except RefusedError as error:
            return error.refused
        except KNOWN as error:
            return refusal(error)

    async def _advanced(self, node: Node, command: Command, step: DataStep) -> Command:
        """As the services do it: the file read under the types of now, then its bytes uploaded."""
        if isinstance(command, StoreObject):
            return msgspec.structs.replace(command, blob=await self._uploaded(node, command.sha256))
        if isinstance(command, RewriteDataset):
            return await self._rewritten(node, command, step)
        if isinstance(command, RefreshDataset):
            return await self._refreshed(node, command, step)
        if isinstance(command, CompactDataset):
            return await advanced(command, step, partial(self._uploaded, node))
        if isinstance(command, EraseRows):
            return await self._erasure(node, command.name, command.where_hash)
        if not isinstance(command, IngestDataset) or command.table is None:
            raise ValueError(f"{type(command).__name__} has no step {step}")
        if step is DataStep.FIND_SOURCES:
            return await with_source_history(node, command)
        if step is DataStep.READ_UNDER_CONTRACT:
            live = catalog.find(node.state.catalog, command.name)
            table = msgspec.structs.replace(command.table, uploaded=False)
            fingerprint = live.schema_fingerprint if live else None
            return msgspec.structs.replace(command, table=table, read_under=fingerprint)
        sha256 = command.table.objects[0].sha256
        blob = await self._uploaded(node, sha256)
        objects = (Object(blob, blob, 10, sha256, 5),)
        table = msgspec.structs.replace(command.table, objects=objects, uploaded=True)
        return msgspec.structs.replace(command, table=table)

    async def _rewritten(
        self, node: Node, command: RewriteDataset, step: DataStep
    ) -> RewriteDataset:
        """As the service does it: objects of the named part are written anew, then uploaded."""
        if step is DataStep.FIND_ROWS:
            found = rows_found(node.state, command)
            if self.chance.random() < 0.6:
                await asyncio.sleep(self.chance.choice([5, 60]) * self.chance.random())
            return found
        work = command.rewritten
        if work is None:
            raise ValueError("rows are uploaded after they are found")
        replaced = [await self._written(node, each) for each in work.replaced]
        work = msgspec.structs.replace(work, replaced=tuple(replaced), uploaded=True)
        return msgspec.structs.replace(command, rewritten=work)

    async def _written(self, node: Node, replaced: Replacement) -> Replacement:
        """With the object that takes the place; of some objects every row is gone."""
        was = replaced.blobs[0].removeprefix("objects/")[:64]
        sha256 = hashlib.sha256(f"{was} without".encode()).hexdigest()
        if replaced.rows_removed == ROWS and not replaced.rows_added:
            return replaced
        blob = await self._uploaded(node, sha256)
        rows = ROWS - replaced.rows_removed + replaced.rows_added
        return msgspec.structs.replace(replaced, by=(Object(blob, blob, 10, sha256, rows),))

    async def _erasure(self, node: Node, name: str, sha256: str) -> EraseRows:
        """As the service does it: every object of the part, of whatever version, is written anew.

        Where that was done before, no row is left the second time.
        """
        now, less = node.state.inventory, sha256_of(f"{sha256} erased")
        replaced: list[Erased] = []
        for _, stored in sorted(now.blobs.items()):
            if stored.key != stored.blob or stored.blob in now.marked:
                continue
            if stored.sha256 == sha256:
                blob = await self._uploaded(node, less)
                replaced.append(Erased(stored.blob, Object(blob, blob, 10, less, ROWS - 1), 1))
            elif stored.sha256 == less:
                replaced.append(Erased(stored.blob, None, ROWS - 1))
        if self.chance.random() < 0.3:
            await asyncio.sleep(self.chance.choice([5, 60]) * self.chance.random())
        return EraseRows(name, tuple(replaced), (), sha256, 1)

    async def _refreshed(self, node: Node, command: RefreshDataset, step: DataStep) -> Command:
        """The statement run on what this node knows now, or its result one step further."""
        ingest, live = command.ingest, catalog.find(node.state.catalog, command.name)
        if step is DataStep.READ_FILE:
            if live is None or live.derivation is None:
                return command
            base = live.derivation.reads[0].name
            ingest = self._derived(node, command.name, "replace", base)
            if self.chance.random() < 0.9:  # the statement takes its time
                await asyncio.sleep(self.chance.choice([2, 10]) * self.chance.random())
            return RefreshDataset(command.name, None, ingest, live.seq)
        if ingest is None:
            raise ValueError(f"a refresh without a result has no step {step}")
        return msgspec.structs.replace(command, ingest=await self._advanced(node, ingest, step))

    def _derived(self, node: Node, name: str, mode: str, base: str) -> IngestDataset:
        """A statement that was run, its result not uploaded yet. Raises RefusedError without its base."""
        known = node.state.catalog
        read, live = catalog.find(known, base), catalog.find(known, name)
        if read is None:
            raise RefusedError(Refused("bucket_unavailable", "it reads nothing; ask for another"))
        reads = (VersionRead(read.name, read.seq, read.dataset_id, None, read.erased),)
        sha256 = hashlib.sha256(repr((name, mode, reads)).encode()).hexdigest()
        blob = f"objects/{sha256}-0193aaaa-0-derived"
        objects = (Object(blob, blob, 10, sha256, 5),)
        table = Table(SCHEMA, FINGERPRINT, objects, 5, (), uploaded=False)
        under = live.schema_fingerprint if live else None
        derivation = Derivation("SELECT 1", None, None, reads)
        return IngestDataset(name, mode, None, table, under, derivation=derivation)

    async def _staged(self, node: Node, wanted: Staging) -> CommitChangeSet:
        """The file uploaded, as a change set that commits it, now and then after it was collected."""
        ingest = await self._advanced(node, wanted.ingest, DataStep.UPLOAD)
        if not isinstance(ingest, IngestDataset):
            raise TypeError("an ingest became another command")
        if self.chance.random() < 0.3:
            await asyncio.sleep(self.chance.choice([1, 30, 300]) * self.chance.random())
        return CommitChangeSet((CommitStaged("staged", ingest), *wanted.changes))

    async def _uploaded(self, node: Node, sha256: str) -> str:
        """A fresh blob's key. Whoever uploaded it may sleep for long before it is referred to."""
        blob = object_blob(sha256, mint(node))
        await self._bucket.put_blob(blob, b"bytes")
        if self.chance.random() < 0.1:
            await asyncio.sleep(self.chance.choice([5, 60, 200]) * self.chance.random())
        return blob

    async def collect(self) -> None:
        """A run of the product's own collection; what keeps it from going on is met by the next."""

        async def work() -> None:
            node = self.node
            waits = GcWaits(lag_s=LAG_S, query_s=QUERY_S)
            collection = GarbageCollector(node, Queries(node), waits)
            caller = Caller("collector", self.clock.monotonic(), correlation=COLLECTOR)
            try:
                plan = await collection.plan(timedelta(seconds=self.record.retention_s))
                done = await collection.collect(plan, caller)
                self.trace.add(self.process.name, f"collected: {done}")
            except RefusedError as error:
                self.trace.add(self.process.name, f"stops collecting: {error}")
            except KNOWN as error:
                self.trace.add(self.process.name, f"stops collecting: {type(error).__name__}")

        await self.serve(work)

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


def sha256_of(text: str) -> str:
    """The hash that stands for the bytes of a part."""
    return hashlib.sha256(text.encode()).hexdigest()


def rows_found(state: State, command: RewriteDataset) -> RewriteDataset:
    """The objects with the bytes of the part that the condition names, of the dataset as it is."""
    live, statement = catalog.find(state.catalog, command.name), command.statement
    if live is None or statement is None or statement.where is None:
        return command
    part = hashlib.sha256(statement.where.encode()).hexdigest()
    updates = command.kind == UPDATE
    removed = 2 if updates or statement.where != "p" else ROWS
    replaced = tuple(
        Replacement((item.blob,), (), removed if updates else 0, removed)
        for item in live.objects
        if item.sha256 == part
    )
    examined = frozenset(item.blob for item in live.objects)
    work = Rewritten(state.head.seq, live.schema_fingerprint, examined, replaced, uploaded=False)
    return msgspec.structs.replace(command, rewritten=work)


def answer_text(answer: object) -> str:
    """An answer in a few words."""
    match answer:
        case Refused(code, detail):
            return f"{code} ({detail})"
        case Crashed():
            return "nothing: the process died"
    return f"seq {answer.seq}{', fresh' if answer.fresh else ''}"


async def _found(node: Node, wanted: Past) -> Command:
    """What the dataset was then. Raises RefusedError where it was not, or this node is not there yet."""
    try:
        then = await node.past.state_at(wanted.as_of_seq)
    except BeyondHead as error:
        raise RefusedError(Refused("bucket_unavailable", str(error))) from error
    was = catalog.find(then.catalog, wanted.name)
    if was is None:
        raise RefusedError(Refused("bucket_unavailable", "there was none; ask for another"))
    kind = PinDataset if wanted.pin else RestoreDataset
    return kind(wanted.as_of_seq, was)


def _read(host: str, min_seq: int, state: State) -> Read:
    head = state.head
    return Read(host, min_seq, head.position, head.seq, head.sha256, None)
