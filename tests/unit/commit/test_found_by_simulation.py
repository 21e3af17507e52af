"""What the simulation found, each made small: the seed is gone, the reason stays."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from builders import LAKE, LAKE_BODY, FakeClock, chance, context, given, registered, slot_body
from scripted_bucket import ScriptedBucket

from journal.bucket import keys
from journal.bucket.errors import ObjectMissing
from journal.log import find_journal, open_journal
from journal.slot import JournalCorrupt
from lakehouse.commit.batch import Recorded
from lakehouse.commit.limits import CommitLimits
from lakehouse.commit.writer import Writer
from lakehouse.domain.commands import RegisterDataset
from projections.states.follower import Follower

REGISTER = RegisterDataset("a", "f", (), None)


@pytest.fixture
async def writer() -> AsyncIterator[Writer]:
    """A writer whose deadline is the next turn of the loop."""
    bucket, clock = ScriptedBucket(), FakeClock()
    clock.at = await bucket.now()
    made = Writer(
        Follower(await open_journal(bucket, clock, chance())),
        clock,
        chance(),
        CommitLimits(deadline_s=0),
    )
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_commit_that_comes_together_with_the_deadline_is_reported(writer: Writer) -> None:
    """After a pause both are due in one turn; the sender used to hear `not_committed`."""
    assert isinstance(await writer.submit(REGISTER, context()), Recorded)


class BeginningBucket(ScriptedBucket):
    """Another process begins the lake, and commits, right after the first look for `lake.json`."""

    async def read(self, key: str) -> bytes:
        try:
            return await super().read(key)
        except ObjectMissing:
            if key == keys.LAKE:
                await self.put_by_another(keys.LAKE, LAKE_BODY)
                body = slot_body(given(), registered("a"))
                await self.put_by_another(keys.slot_key(1), body)
            raise


async def test_a_lake_that_another_process_is_just_beginning_is_not_damaged() -> None:
    journal = await find_journal(BeginningBucket(), FakeClock(), chance())
    assert journal is not None
    assert journal.lake == LAKE


async def test_a_lake_without_its_first_file_is_damaged() -> None:
    bucket = ScriptedBucket()
    await bucket.put_by_another(keys.slot_key(1), slot_body(given(), registered("a")))
    with pytest.raises(JournalCorrupt, match=r"lake\.json is absent"):
        await find_journal(bucket, FakeClock(), chance())
