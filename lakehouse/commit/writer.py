"""The writer: group commit. One slot in flight per process; commands are taken in the order of
their arrival.

Owns the queue of commands and their answers. Must never answer before the batch of the command has
committed, or before a read of the next slot, begun after the request arrived, has answered
404; must never put anything at N+1 while N is unknown. A lost race is no answer: everything is decided
again, until the deadline.
"""

import asyncio
import random
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import assert_never

from journal.bucket.errors import BucketError
from journal.clock import Clock, random_name, uuid7
from journal.log import CommitFailed, Committed, RaceLost
from journal.slot import FORMAT, Slot, UpgradeRequired
from lakehouse.commit import batch as batches
from lakehouse.commit.batch import Answered, Batch, Closed, Recorded, Stamp
from lakehouse.commit.delegation.delegation import Delegation
from lakehouse.commit.delegation.network import Network
from lakehouse.commit.faults import HALTING, refusal
from lakehouse.commit.limits import CommitLimits, Counts
from lakehouse.commit.pending import Pending
from lakehouse.commit.turns import Turns
from lakehouse.domain.commands import Command, Context
from lakehouse.domain.counts import counted
from lakehouse.domain.errors import Refused, RefusedError
from projections.fold import State
from projections.states.follower import Follower

RESOLUTION_S = 1e-6
"""Shorter waits are skipped: added to a clock's reading, they may not change it."""

GATHER_COMMITS = 1.0
"""How long to wait for as many changes as the last slots had, in commits of our own."""


class Writer:
    """Commits commands for one node."""

    def __init__(
        self,
        follower: Follower,
        clock: Clock,
        chance: random.Random,
        limits: CommitLimits | None = None,
        network: Network | None = None,
    ) -> None:
        self._follower = follower
        self._clock = clock
        self._chance = chance
        self._limits = limits or CommitLimits()
        self.name = f"w-{random_name(chance, 6)}"
        """Under which slots name this writer."""
        self._turns = Turns(self.name)
        self.delegation: Delegation | None = None
        """How changes are handed to another process of this machine, where that is possible."""
        if network is not None:
            self.delegation = Delegation(
                follower, clock, self._turns, network, self.name, self._enqueue, self._take_back
            )
            self.delegation.member.leader_found = self._passed_all_on
        follower.watchers.append(self._note_slot)
        self._queue: deque[Pending] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._head_checked_s = clock.monotonic()
        self._clock_checked_s: float | None = None
        self._draining = False
        self._arrived = asyncio.Event()
        self._sizes = deque([0], maxlen=2)
        """How many changes the last two slots answered."""
        self.fault: Refused | None = None
        """Why this node has stopped writing; None while it writes."""
        self.counts = Counts()

    @property
    def waiting(self) -> int:
        """How many changes wait for their turn."""
        return len(self._queue)

    @property
    def handed_over(self) -> int:
        """How many changes another process was asked to commit."""
        return self.delegation.member.offered if self.delegation else 0

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
            detail = f"{counted(len(self._queue), 'change')} waiting"
            raise RefusedError(Refused("busy", detail, retry_after_s=1))
        accepted_s = self._clock.monotonic() if accepted_s is None else accepted_s
        pending = Pending(command, context, accepted_s)
        # While the clock was not compared recently, changes are not handed over either.
        member = self.delegation.member if self.delegation and not self._clock_due() else None
        if member is None or not member.offer(pending):
            self._append(pending)
        try:
            async with asyncio.timeout(self._limits.deadline_s):
                return await asyncio.shield(pending.answer)
        except TimeoutError as error:
            if pending.answer.done():
                # Answered while the deadline was already waking us (after a pause both are due at
                # once): the answer counts, or a commit would be reported as not committed.
                return pending.answer.result()
            raise RefusedError(pending.late()) from error
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
        while self.delegation is not None and not self.delegation.member.idle.is_set():
            await self.delegation.member.idle.wait()
            await self._idle.wait()

    def halt(self, error: Exception) -> None:
        """Stop writing, and refuse all waiting commands."""
        self.fault = refusal(error)
        for pending in self._queue:
            pending.refuse(self.fault)
        self._queue.clear()

    def _append(self, pending: Pending) -> None:
        self._queue.append(pending)
        self._idle.clear()
        self._wake.set()
        self._arrived.set()

    def _enqueue(self, pending: Pending) -> bool:
        """Accept a change of another process; False while this one accepts none."""
        full = len(self._queue) >= self._limits.queue
        if self.fault or self._draining or full:
            return False
        self._append(pending)
        return True

    def _take_back(self, pending: Pending) -> None:
        """Commit a change here that was handed over; however full the queue is, it was accepted."""
        if self.fault:
            pending.refuse(self.fault)
        else:
            self._append(pending)

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
            # A bug: answer every waiting sender, and write nothing more.
            self.fault = Refused("internal_error", "the writer stopped after an internal error")
            _refuse_all(pendings, self.fault)
            raise

    async def _attempt(self, pendings: list[Pending]) -> list[Pending]:
        """Decide, then commit or prove. Returns the commands that still have no answer."""
        await self._check_store()
        self._queue.extendleft(reversed(pendings))
        await self._wait_for_turn()
        await self._gather()
        # Commands that arrived meanwhile share the slot: the longer the wait, the larger the batch.
        pendings = [each for each in self._take() if self._still_wanted(each)]
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
        asked = False
        while self._turns.is_shared(self._clock.monotonic()):
            # Before the reading too: on a busy machine it can take long, and a leader need not wait for it.
            if self._passed_all_on():
                return
            await self._follower.catch_up()
            if self._passed_all_on():
                return
            if self.delegation is not None and not asked:
                self.delegation.member.ask_for_turn()
                asked = True
            now_s = self._clock.monotonic()
            wait_s = self._turns.wait_s(now_s)
            if wait_s <= RESOLUTION_S:
                return
            poll_s = self._turns.poll_s(now_s) * self._chance.uniform(0.5, 1.5)
            await self._clock.sleep(min(wait_s, poll_s))

    def _passed_all_on(self) -> bool:
        """Hand waiting changes, none of them in doubt, to the leader; whether it accepted all."""
        if (delegation := self.delegation) is None or self._clock_due():
            return False
        wanted = [each for each in self._take() if self._still_wanted(each)]
        self._queue.extend(each for each in wanted if not delegation.passed_on(each))
        return not self._queue

    async def _gather(self) -> None:
        """While other processes hand changes over: wait for those whose last one was just answered.

        They come back a moment after this process's own clients; without a pause the slots alternate
        between the two groups, and each is half as full.
        """
        if not self._turns.members():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER_COMMITS * self._turns.commit_s):
                while len(self._queue) < max(self._sizes):
                    self._arrived.clear()
                    await self._arrived.wait()

    def _note_slot(self, slot: Slot, states: Mapping[str, State]) -> None:
        self._turns.record_slot(slot.header.writer, self._clock.monotonic())
        if self.delegation is not None:
            self.delegation.note_slot(slot, states)

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
                self._turns.record_commit(self._head_checked_s - began_s)
                self._follower.accept(closed.slot, closed.state)
                self.counts.slots += 1
                self.counts.events += closed.slot.header.events
                if self.delegation is not None:
                    self.delegation.committed(batch.position, closed.body)
                _answer_all(decided, batch)
                self._sizes.append(len(decided))
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
        if self._clock_due():
            now_s = self._clock.monotonic()
            await self._check_clock()
            self._clock_checked_s = now_s

    def _clock_due(self) -> bool:
        """Whether the clock has to be compared with the store's again before a change."""
        checked_s = self._clock_checked_s
        return checked_s is None or self._clock.monotonic() - checked_s > self._limits.clock_check_s

    async def _check_clock(self) -> None:
        store = await self._follower.journal.bucket.now()
        skew_s = (self._clock.now() - store).total_seconds()
        if abs(skew_s) > self._limits.clock_skew_s:
            raise RefusedError(
                Refused("clock_skew", f"this clock is {skew_s:+.0f} s off the store's")
            )


def _answer_all(decided: list[Pending], batch: Batch) -> None:
    for pending, outcome in zip(decided, batch.outcomes, strict=True):
        pending.settle(outcome)


def _refuse_all(pendings: list[Pending], refused: Refused) -> None:
    for pending in pendings:
        pending.refuse(refused)
