"""A node: one process's journal, state and writer on one bucket, and their background tasks.

Owns start and stop. Must never answer a user: the service does.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Self

import structlog

from journal.bucket.errors import BucketError
from journal.bucket.port import Bucket
from journal.clock import Clock
from journal.log import open_journal
from journal.slot import JournalCorrupt, UpgradeRequired
from lakehouse.commit.checkpointer import Checkpointer
from lakehouse.commit.delegation.delegation import Delegation
from lakehouse.commit.delegation.network import Network
from lakehouse.commit.faults import HALTING, refusal
from lakehouse.commit.limits import CommitLimits
from lakehouse.commit.writer import Writer
from lakehouse.domain.errors import Refused, RefusedError
from projections.fold import State
from projections.states import heap
from projections.states.follower import Follower
from projections.states.snapshots import Snapshots

log = structlog.get_logger()


class Node:
    """Keeps a follower caught up and a writer running."""

    def __init__(
        self,
        bucket: Bucket,
        follower: Follower,
        writer: Writer,
        clock: Clock,
        chance: random.Random,
    ) -> None:
        self.bucket = bucket
        self.follower = follower
        self.past = Snapshots(follower)
        self.checkpointer = Checkpointer(follower, clock, chance, bucket.spool_dir)
        self.writer = writer
        self.clock = clock
        self.chance = chance
        self.lag_error: Refused | None = None
        """Why the last reading of the journal failed, if it did."""
        self.damaged: int | None = None
        """The position at which damage of the journal was found first."""
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(
        cls,
        bucket: Bucket,
        clock: Clock,
        chance: random.Random,
        limits: CommitLimits | None = None,
        reach: Callable[[str], Network] | None = None,
    ) -> Self:
        """Open the bucket's journal and fold it. Raises what faults.KNOWN names.

        `reach` gives, for the lake's id, the network by which processes of this machine hand each
        other changes; without it this process commits all of its own.

        A journal that a newer version wrote is opened up to there, for reading.
        """
        follower = Follower(await open_journal(bucket, clock, chance))
        fault: UpgradeRequired | None = None
        try:
            await follower.open()
            # A missing slot looks like the journal's end; no other slot may be written there.
            await follower.journal.expect_no_gap(follower.state.head.position)
        except UpgradeRequired as error:
            fault = error
        network = reach(follower.journal.lake.lake) if reach else None
        writer = Writer(follower, clock, chance, limits, network)
        node = cls(bucket, follower, writer, clock, chance)
        if fault is not None:
            writer.halt(fault)
        heap.settle()
        return node

    @property
    def state(self) -> State:
        """The committed state as far as this node has folded it."""
        return self.follower.state

    def start(self, poll_interval_s: float, failed: Callable[[], None]) -> None:
        """Run the writer and the poll for other writers' slots; `failed` is called if one ends
        with an error.
        """
        self._tasks = [
            asyncio.create_task(self.writer.run(), name="writer"),
            asyncio.create_task(self._poll(poll_interval_s), name="poll"),
            asyncio.create_task(self.checkpointer.run(), name="checkpointer"),
        ]
        if self.writer.delegation is not None:
            delegating = self._delegate(self.writer.delegation)
            self._tasks.append(asyncio.create_task(delegating, name="delegation"))
        for task in self._tasks:
            task.add_done_callback(lambda done: _report(done, failed))

    async def stop(self, drain_s: float) -> None:
        """Answer accepted commands, for at most `drain_s` seconds, then end the tasks."""
        try:
            async with asyncio.timeout(drain_s):
                await self.writer.drain()
        except TimeoutError:
            log.warning("drain_cut_short", after_s=drain_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def refresh(self, *, verify: bool = False) -> None:
        """Catch up now. An error is kept in `lag_error` or `writer.fault`, which /ready reports.

        `verify` reads the journal's two ends again, however recently they were read: a bucket that
        was removed has no next slot either.
        """
        try:
            await self.follower.catch_up()
            await (self.follower.check_head() if verify else self.writer.check_head())
            self.lag_error = None
        except HALTING as error:
            self._halt(error)
        except BucketError as error:
            self.lag_error = refusal(error)

    def note(self, error: Exception) -> None:
        """Stop writing if a read has found damage in the journal."""
        if isinstance(error, JournalCorrupt):
            self._halt(error)

    async def wait_for_seq(self, seq: int, within_s: float) -> State:
        """The state once it has reached `seq`. Raises RefusedError `not_caught_up` after a while."""
        until_s = self.clock.monotonic() + within_s
        while self.state.head.seq < seq:
            if self.clock.monotonic() >= until_s:
                detail = f"this node is at {self.state.head.seq}, {seq} is asked for"
                raise RefusedError(Refused("not_caught_up", detail, retry_after_s=1))
            await self.refresh()
            if self.state.head.seq < seq:
                await self.clock.sleep(0.05)
        return self.state

    def _halt(self, error: Exception) -> None:
        """Keep the first fault; it is logged once."""
        if self.writer.fault is None:
            log.error("journal_unreadable", fault=str(error))
            self.damaged = error.position if isinstance(error, JournalCorrupt) else None
            self.writer.halt(error)

    async def _delegate(self, delegation: Delegation) -> None:
        """Take part in delegation until cancelled."""
        try:
            await delegation.start(self.refresh)
            await asyncio.Event().wait()
        finally:
            await delegation.close()

    async def _poll(self, interval_s: float) -> None:
        while True:
            await self.clock.sleep(interval_s * self.chance.uniform(0.8, 1.2))
            if self.writer.delegation is not None:
                self.writer.delegation.member.check()
            await self.refresh()
            if self.lag_error:
                log.warning(
                    "journal_out_of_reach", code=self.lag_error.code, detail=self.lag_error.detail
                )


def _report(task: asyncio.Task[None], failed: Callable[[], None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("task_died", task=task.get_name(), exc_info=error)
        failed()
