"""The writer: group commit. One slot in flight per process, first come first served.

Owns the queue of commands and their answers. Must never answer before the batch of the command has
committed, or before a read of the next slot, begun after the request arrived, has answered
404; must never put anything at N+1 while N is unknown. A lost race is no answer: everything is decided
again, until the deadline.
"""

import asyncio
import random
from collections import deque
from typing import assert_never

import msgspec

from journal.bucket.errors import BucketError
from journal.clock import Clock, random_name, uuid7
from journal.log import CommitFailed, Committed, RaceLost
from journal.slot import FORMAT, Slot, UpgradeRequired
from lakehouse.commit import batch as batches
from lakehouse.commit.batch import Answered, Batch, Closed, CommandFailed, Recorded, Stamp
from lakehouse.commit.faults import HALTING, refusal
from lakehouse.commit.turns import Turns
from lakehouse.domain.commands import Command, Context
from lakehouse.domain.errors import Refused, RefusedError
from projections.follower import Follower

RESOLUTION_S = 1e-6
"""Waits below this are none: added to a clock's reading, they can leave it as it is."""


class CommitLimits(msgspec.Struct, frozen=True):
    """Bounds of the writer; times in seconds."""

    queue: int = 4_096
    deadline_s: float = 30.0
    stamp_valid_s: float = 60.0
    command_valid_s: float = 3_600.0
    idle_s: float = 30.0
    clock_check_s: float = 60.0
    clock_skew_s: float = 60.0


class Counts(msgspec.Struct):
    """Counters since the writer started."""

    slots: int = 0
    events: int = 0
    races_lost: int = 0


class Pending:
    """A command whose sender waits. `attempted`: its slot may already be in the journal."""

    def __init__(self, command: Command, context: Context, accepted_s: float) -> None:
        self.command = command
        self.context = context
        self.accepted_s = accepted_s
        self.answer: asyncio.Future[Recorded | Answered] = (
            asyncio.get_running_loop().create_future()
        )
        self.attempted = False

    def refuse(self, refused: Refused) -> None:
        """Refuse the command, if its sender still waits."""
        if not self.answer.done():
            self.answer.set_exception(RefusedError(refused))


class Writer:
    """Commits commands for one node."""

    def __init__(
        self,
        follower: Follower,
        clock: Clock,
        chance: random.Random,
        limits: CommitLimits | None = None,
    ) -> None:
        self._follower = follower
        self._clock = clock
        self._chance = chance
        self._limits = limits or CommitLimits()
        self.name = f"w-{random_name(chance, 6)}"
        """Under which slots name this writer."""
        self._turns = Turns(self.name)
        follower.listeners.append(self._note_slot)
        self._queue: deque[Pending] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._head_checked_s = clock.monotonic()
        self._clock_checked_s: float | None = None
        self._draining = False
        self.fault: Refused | None = None
        """Why this node has stopped writing; None while it writes."""
        self.counts = Counts()

    @property
    def waiting(self) -> int:
        """How many changes wait for their turn."""
        return len(self._queue)

    async def submit(
        self, command: Command, context: Context, accepted_s: float | None = None
    ) -> Recorded | Answered:
        """The outcome of the command, once it is certain.

        `accepted_s`: when its request came, by the clock's monotonic; now, if None. Raises
        RefusedError: `busy`, `not_committed` (certainly not done), `outcome_unknown` (perhaps
        done), or the fault because of which this node does not write.
        """
        if self.fault or self._draining:
            raise RefusedError(self.fault or Refused("shutting_down", "this process is stopping"))
        if len(self._queue) >= self._limits.queue:
            detail = f"{len(self._queue)} changes are waiting"
            raise RefusedError(Refused("busy", detail, retry_after_s=1))
        accepted_s = self._clock.monotonic() if accepted_s is None else accepted_s
        pending = Pending(command, context, accepted_s)
        self._queue.append(pending)
        self._idle.clear()
        self._wake.set()
        try:
            async with asyncio.timeout(self._limits.deadline_s):
                return await asyncio.shield(pending.answer)
        except TimeoutError as error:
            if pending.answer.done():
                # Answered while the deadline was already waking us (after a pause both are due at
                # once): the answer counts, or a commit would be reported as not committed.
                return pending.answer.result()
            raise RefusedError(_late(pending)) from error
        finally:
            pending.answer.cancel()

    async def run(self) -> None:
        """Commit what is submitted, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await self._round(self._take())
            self._idle.set()

    async def drain(self) -> None:
        """Accept no more commands, and wait until all accepted ones are answered."""
        self._draining = True
        await self._idle.wait()

    def halt(self, error: Exception) -> None:
        """Stop writing, and refuse all waiting commands."""
        self.fault = refusal(error)
        for pending in self._queue:
            pending.refuse(self.fault)
        self._queue.clear()

    def _take(self) -> list[Pending]:
        taken = list(self._queue)
        self._queue.clear()
        return taken

    async def _round(self, pendings: list[Pending]) -> None:
        """Answer all of these commands, in as many slots as they need."""
        try:
            while pendings:
                pendings = await self._attempt(pendings)
        except HALTING as error:
            self.halt(error)
            _refuse_all(pendings, refusal(error))
        except BucketError as error:
            # Raised by reads only, before a PUT: commit() handles its own.
            _refuse_all(pendings, Refused("not_committed", str(error)))
        except RefusedError as error:
            _refuse_all(pendings, error.refused)
        except Exception:
            # A bug: no sender may wait for ever, and faulty code must write nothing more.
            self.fault = Refused("internal_error", "the writer stopped after an internal error")
            _refuse_all(pendings, self.fault)
            raise

    async def _attempt(self, pendings: list[Pending]) -> list[Pending]:
        """Decide, then commit or prove. Returns the commands that still have no answer."""
        await self._check_store()
        await self._wait_for_turn()
        # Commands that arrived meanwhile share the slot: the longer the wait, the larger the batch.
        pendings = [each for each in (*pendings, *self._take()) if self._still_wanted(each)]
        if not pendings:
            return []
        started_s = self._clock.monotonic()
        batch = self._build(pendings)
        decided, rest = pendings[: len(batch.outcomes)], pendings[len(batch.outcomes) :]
        if batch.closed is None:
            state = await self._follower.catch_up()
            if state.head.position != batch.position - 1:
                return pendings
            _answer_all(decided, batch)
            return rest
        if self._clock.monotonic() - started_s > self._limits.stamp_valid_s:
            return pendings
        return await self._commit(batch, batch.closed, decided) + rest

    async def _wait_for_turn(self) -> None:
        """While others commit: wait until the writers in front have, then read the journal's end.

        The wait comes first and the reading last: what is decided on an older state loses the race.
        """
        while self._turns.is_shared(self._clock.monotonic()):
            await self._follower.catch_up()
            now_s = self._clock.monotonic()
            wait_s = self._turns.wait_s(now_s)
            if wait_s <= RESOLUTION_S:
                return
            look_s = self._turns.look_s(now_s) * self._chance.uniform(0.5, 1.5)
            await self._clock.sleep(min(wait_s, look_s))

    def _note_slot(self, slot: Slot) -> None:
        self._turns.saw(slot.header.writer, self._clock.monotonic())

    async def _commit(self, batch: Batch, closed: Closed, decided: list[Pending]) -> list[Pending]:
        for pending in decided:
            pending.attempted = True
        began_s = self._clock.monotonic()
        result = await self._follower.journal.commit(batch.position, closed.body, batch.commit)
        for pending in decided:
            pending.attempted = False
        self._head_checked_s = self._clock.monotonic()
        match result:
            case Committed():
                self._turns.committed(self._head_checked_s - began_s)
                self._follower.accept(closed.slot, closed.state)
                self.counts.slots += 1
                self.counts.events += closed.slot.header.events
                _answer_all(decided, batch)
                return []
            case CommitFailed(detail):
                _refuse_all(decided, Refused("not_committed", f"the store refused: {detail}"))
                return []
            case RaceLost(slot):
                self.counts.races_lost += 1
                self._follower.accept(slot)
                return decided
        assert_never(result)

    def _build(self, pendings: list[Pending]) -> Batch:
        now = self._clock.now()
        commit = uuid7(now, self._chance)
        stamp = Stamp(self._follower.journal.lake.lake, commit, self.name, now)
        asked = [(pending.command, pending.context) for pending in pendings]
        return batches.build(self._follower.state, asked, stamp)

    def _still_wanted(self, pending: Pending) -> bool:
        if self._clock.monotonic() - pending.accepted_s > self._limits.command_valid_s:
            pending.refuse(Refused("not_committed", "it was accepted over an hour ago"))
        return not pending.answer.done()

    async def check_head(self) -> None:
        """Compare the head with the bucket's, unless it was compared or written a moment ago."""
        now_s = self._clock.monotonic()
        if now_s - self._head_checked_s > self._limits.idle_s:
            await self._follower.check_head()
            self._head_checked_s = now_s

    async def _check_store(self) -> None:
        """Check before writing: the head is unchanged, the clock is right, the format is known."""
        if self.fault is not None:
            # A read or the poll found a fault after these commands were taken from the queue.
            raise RefusedError(self.fault)
        if self._follower.state.format > FORMAT:
            raise UpgradeRequired(
                self._follower.state.head.position,
                f"slots have format {self._follower.state.format} from here on",
            )
        await self.check_head()
        now_s = self._clock.monotonic()
        if (
            self._clock_checked_s is None
            or now_s - self._clock_checked_s > self._limits.clock_check_s
        ):
            await self._check_clock()
            self._clock_checked_s = now_s

    async def _check_clock(self) -> None:
        store = await self._follower.journal.bucket.now()
        skew_s = (self._clock.now() - store).total_seconds()
        if abs(skew_s) > self._limits.clock_skew_s:
            raise RefusedError(
                Refused("clock_skew", f"this clock is {skew_s:+.0f} s off the store's")
            )


def _late(pending: Pending) -> Refused:
    if pending.attempted:
        return Refused(
            "outcome_unknown", "the store did not answer in time whether it was committed"
        )
    return Refused("not_committed", "it was still waiting at its deadline")


def _answer_all(decided: list[Pending], batch: Batch) -> None:
    for pending, outcome in zip(decided, batch.outcomes, strict=True):
        if pending.answer.done():
            continue
        match outcome:
            case Recorded() | Answered():
                pending.answer.set_result(outcome)
            case CommandFailed():
                pending.answer.set_exception(outcome.error)
            case _:
                assert_never(outcome)


def _refuse_all(pendings: list[Pending], refused: Refused) -> None:
    for pending in pendings:
        pending.refuse(refused)
