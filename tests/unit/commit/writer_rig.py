"""One writer on a bucket whose answers are scripted, beside another process on the same bucket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from builders import FakeClock, chance, context
from scripted_bucket import ScriptedBucket

from journal.bucket import keys
from journal.log import open_journal
from lakehouse.commit.batch import Answered, Recorded, Stamp, build
from lakehouse.commit.limits import CommitLimits
from lakehouse.commit.writer import Writer
from lakehouse.domain.commands import Command, Context, RegisterDataset
from lakehouse.domain.errors import RefusedError
from projections.states.follower import Follower


class Rig:
    """One writer on a scripted bucket, and another process's follower on the same bucket."""

    def __init__(
        self, bucket: ScriptedBucket, mine: Follower, other: Follower, limits: CommitLimits
    ) -> None:
        self.bucket = bucket
        self.clock = FakeClock()
        self.follower = mine
        self.other = other
        self.writer = Writer(mine, self.clock, chance(), limits)

    async def submit(self, command: Command, asked: Context | None = None) -> Recorded | Answered:
        return await self.writer.submit(command, asked or context())

    async def another_commits(self, *commands: Command) -> None:
        """What another process puts into the next slot."""
        await self.other.catch_up()
        stamp = Stamp(self.other.journal.lake.lake, "theirs", "w-other", self.clock.now())
        batch = build(self.other.state, [(each, context()) for each in commands], stamp)
        assert batch.closed is not None
        key = keys.slot_key(batch.position)
        await self.bucket.put_by_another(key, batch.closed.body)

    async def journal(self) -> list[str]:
        """Every event in the bucket: type and name."""
        found = [slot async for slot in self.other.journal.slots(1)]
        return [f"{event.type} {event.data.name}" for slot in found for event in slot.events]  # type: ignore[union-attr]


@asynccontextmanager
async def rig(*script: str, limits: CommitLimits | None = None) -> AsyncIterator[Rig]:
    bucket = ScriptedBucket(*script)
    journal = await open_journal(bucket, FakeClock(), chance())
    made = Rig(bucket, Follower(journal), Follower(journal), limits or CommitLimits())
    made.clock.at = await bucket.now()
    running = asyncio.create_task(made.writer.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def register(name: str) -> RegisterDataset:
    return RegisterDataset(name, "f", (), None)


async def refusal(waiting: object) -> str:
    with pytest.raises(RefusedError) as caught:
        await waiting  # type: ignore[misc]
    return caught.value.refused.code
