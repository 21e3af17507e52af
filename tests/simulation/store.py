"""The simulated store: keeps its promises, and none that it has not made.

A create is atomic and a read sees every create before it. All else may happen: answers are lost,
late, or say 409, 412 of a write that was one's own, 403, 429, 500; a write lands long after its
sender has given up or died.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextvars import Context
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from journal.bucket.errors import BucketRefused, BucketUnavailable, ObjectExists, ObjectMissing
from journal.bucket.keys import check_blobs, slot_position
from journal.bucket.port import Answer, Created, LocalFile, Stat
from tests.simulation.trace import Trace
from tests.simulation.virtual_time import BEGAN, Process, VirtualLoop

CLIENT_TIMEOUT_S = 10.0
"""After this a process takes a request for lost; its bytes may still be on their way."""
LATEST_S = 1_800.0
"""How long after its time-out a write may still land."""

PUT_FAULTS = ("lost", "late", "never", "conflict", "refused", "echoed")


class Weather(msgspec.Struct, frozen=True):
    """How often requests go wrong, and how slow the others are."""

    name: str
    faults: float
    slow: float


CALM = Weather("calm", 0.0, 0.0)
WEATHERS = (Weather("fair", 0.03, 0.02), Weather("rough", 0.25, 0.1), Weather("storm", 0.6, 0.3))


class Store:
    """What is there, since when, and what is on its way."""

    def __init__(self, loop: VirtualLoop, chance: random.Random, trace: Trace) -> None:
        self.loop = loop
        self.chance = chance
        self.trace = trace
        self.weather = WEATHERS[0]
        self.objects: dict[str, bytes] = {}
        self.landed_at: dict[str, float] = {}
        self.landed: list[tuple[float, str]] = []
        self.deleted: list[tuple[float, str]] = []
        self.all_landed_at = 0.0
        """When nothing will be on its way any more, as far as is known."""

    def delay_s(self) -> float:
        """One way over the network."""
        if self.chance.random() < self.weather.slow:
            return self.chance.uniform(0.2, 15.0)
        return self.chance.uniform(0.002, 0.05)

    def faulty(self) -> bool:
        return self.chance.random() < self.weather.faults

    def after(self, delay_s: float, step: object, *arguments: object) -> None:
        """A step of the store's own: no process that stops can stop it."""
        self.all_landed_at = max(self.all_landed_at, self.loop.time() + delay_s)
        self.loop.call_later(delay_s, step, *arguments, context=Context())

    def land(self, who: str, key: str, body: bytes) -> Answer:
        """The moment in which a create is decided."""
        if key in self.objects:
            return Answer.EXISTS
        self.objects[key] = body
        self.landed_at[key] = self.loop.time()
        self.landed.append((self.loop.time(), key))
        self.trace.add("store", f"{who}'s {short(key)} lands")
        return Answer.CREATED

    def delete(self, who: str, key: str) -> None:
        """The moment in which a key is deleted."""
        if self.objects.pop(key, None) is not None:
            self.deleted.append((self.loop.time(), key))
            self.trace.add("store", f"{who} deletes {short(key)}")


class SimulatedBucket:
    """One process's way to the store. A `Bucket`, as far as the journal needs one."""

    url = "memory://"
    spool_dir: Path | None = None

    def __init__(self, store: Store, process: Process) -> None:
        self._store = store
        self._who = process.name
        self._under_way = False

    async def create(self, key: str, body: bytes) -> Created:
        # Time between decide and PUT, in the process's own steps: it may be paused or die here.
        await asyncio.sleep(self._store.delay_s())
        fate = self._fate()
        self._store.trace.add(self._who, f"PUT {short(key)}: {fate}")
        answer = await self._send_put(fate, key, body)
        self._store.trace.add(self._who, f"gets {answer.value} for {short(key)}")
        return Created(answer, fate)

    def _fate(self) -> str:
        """What becomes of a write. Faults come in pairs: credentials expire while one is under way.

        In calm weather there is none: the last gc run must not stop at a fault of before.
        """
        under_way, self._under_way = self._under_way, False
        if under_way and self._store.chance.random() < 0.2 and self._store.weather.faults:
            return "refused"
        if not self._store.faulty():
            return "works"
        fate = self._store.chance.choice(PUT_FAULTS)
        self._under_way = fate in ("late", "conflict")
        return fate

    async def _send_put(self, fate: str, key: str, body: bytes) -> Answer:
        answered: asyncio.Future[Answer] = self._store.loop.create_future()
        there_s, back_s = self._store.delay_s(), self._store.delay_s()
        lands_after_s = self._lands_after_s(fate, there_s)

        def land() -> None:
            seen = self._store.land(self._who, key, body)
            if fate in ("works", "echoed"):
                answer = Answer.EXISTS if fate == "echoed" else seen
                self._store.after(back_s, _settle, answered, answer)

        if lands_after_s is not None:
            self._store.after(lands_after_s, land)
        answer = {"conflict": Answer.CONFLICT, "refused": Answer.REFUSED}.get(fate, Answer.UNKNOWN)
        if fate not in ("works", "echoed"):
            self._store.after(there_s + back_s, _settle, answered, answer)
        self._store.after(CLIENT_TIMEOUT_S, _settle, answered, Answer.UNKNOWN)
        return await answered

    def _lands_after_s(self, fate: str, there_s: float) -> float | None:
        chance = self._store.chance
        late_s = there_s + chance.choice([0.5, 5.0, 60.0, LATEST_S]) * chance.random()
        match fate:
            case "works" | "lost" | "echoed":
                return there_s
            case "late":
                return late_s
            case "conflict":
                return chance.choice([None, None, there_s, late_s])
        return None

    async def read(self, key: str) -> bytes:
        await asyncio.sleep(self._store.delay_s())
        self._fail(key)
        found = self._store.objects.get(key)
        await asyncio.sleep(min(self._store.delay_s(), CLIENT_TIMEOUT_S))
        if found is None:
            raise ObjectMissing(key)
        return found

    async def now(self) -> datetime:
        await asyncio.sleep(self._store.delay_s())
        self._fail("the clock")
        return BEGAN + timedelta(seconds=self._store.loop.time())

    def _fail(self, what: str) -> None:
        if self._store.faulty():
            kind = self._store.chance.choice([BucketUnavailable, BucketUnavailable, BucketRefused])
            self._store.trace.add(self._who, f"cannot read {short(what)}: {kind.__name__}")
            raise kind(what)

    async def upload(self, key: str, source: Path | bytes) -> None:
        await asyncio.sleep(self._store.delay_s())
        body = source if isinstance(source, bytes) else source.read_bytes()
        faulty = self._store.faulty()
        if not faulty or self._store.chance.random() < 0.5:
            self._store.land(self._who, key, body)
        await asyncio.sleep(self._store.delay_s())
        if faulty:
            raise BucketUnavailable(key)
        if self._store.objects[key] != body:
            raise ObjectExists(key)

    async def put_blob(self, key: str, body: bytes) -> None:
        """An upload as a service makes one: it may fail and land, land late, or land again later."""
        await asyncio.sleep(self._store.delay_s())
        chance, faulty = self._store.chance, self._store.faulty()
        fate = chance.choice(["lost", "never", "late"]) if faulty else "works"
        if fate in ("works", "lost"):
            self._store.land(self._who, key, body)
        if fate == "late" or chance.random() < 0.1:
            late_s = chance.choice([5.0, 60.0, 300.0]) * chance.random()
            self._store.after(late_s, self._store.land, self._who, key, body)
        await asyncio.sleep(self._store.delay_s())
        if faulty:
            raise BucketUnavailable(key)

    async def delete_blobs(self, keys: Sequence[str]) -> list[str]:
        """Some may be left, the answer may be lost, and what was not done may be done later."""
        check_blobs(keys)
        await asyncio.sleep(self._store.delay_s())
        chance, faulty = self._store.chance, self._store.faulty()
        done = [key for key in keys if not faulty or chance.random() < 0.5]
        for key in done:
            self._store.delete(self._who, key)
        for key in (key for key in keys if key not in done):
            if chance.random() < 0.5:
                self._store.after(60 * chance.random(), self._store.delete, self._who, key)
        await asyncio.sleep(self._store.delay_s())
        if faulty and chance.random() < 0.3:
            raise BucketUnavailable("the answer to a deletion")
        return done

    async def abort_uploads(self, lake: str, begun_before: datetime) -> list[str]:
        return []

    async def is_shared(self) -> bool:
        return True

    async def stream(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """The range in one chunk: simulated objects are far below 1 MiB."""
        yield (await self.read(key))[start : None if length is None else start + length]

    async def stat(self, key: str) -> Stat:
        await asyncio.sleep(self._store.delay_s())
        self._fail(key)
        return self._stat(key)

    async def list_objects(self, prefix: str, after: str = "", limit: int = 1000) -> list[Stat]:
        await asyncio.sleep(self._store.delay_s())
        self._fail(prefix)
        keys = sorted(key for key in self._store.objects if key.startswith(prefix) and key > after)
        found = [self._stat(key) for key in keys[:limit]]
        await asyncio.sleep(self._store.delay_s())
        return found

    def _stat(self, key: str) -> Stat:
        if key not in self._store.objects:
            raise ObjectMissing(key)
        landed_at = BEGAN + timedelta(seconds=self._store.landed_at[key])
        return Stat(key, len(self._store.objects[key]), landed_at)

    def local_file(self, key: str) -> LocalFile | None:
        return None

    async def close(self) -> None:
        """Nothing to release."""


def short(key: str) -> str:
    """A key as a person names it."""
    position = slot_position(key)
    return f"slot {position}" if position else key.rsplit("/", 1)[-1]


def _settle(answered: "asyncio.Future[Answer]", answer: Answer) -> None:
    if not answered.done():
        answered.set_result(answer)
