"""The life of a dataset as Iceberg reads it: few waits for the bucket, and turns for other work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from builders import chance, context
from scripted_bucket import ScriptedBucket

from journal.bucket.keys import SLOTS
from journal.clock import SystemClock
from lakehouse.commit.node import Node
from lakehouse.domain.commands import RegisterDataset
from lakehouse.service.iceberg.event_chain import WINDOW
from lakehouse.service.iceberg.life import contents, steps


class SlowBucket(ScriptedBucket):
    """Counts how many reads are under way."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds = self.under_way = self.most = 0

    async def read(self, key: str) -> bytes:
        self.rounds += not self.under_way
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        return await super().read(key)


@asynccontextmanager
async def lake(events: int, others: int = 0) -> AsyncIterator[Node]:
    """A dataset `t` with so many events, and so many of other datasets after each."""
    node = await Node.open(SlowBucket(), SystemClock(), chance())
    writing = asyncio.create_task(node.writer.run())
    for number in range(events):
        await node.writer.submit(RegisterDataset("t", "f", (), number), context())
        for other in range(others):
            await node.writer.submit(RegisterDataset(f"o{other}", "f", (), number), context())
    bucket = node.bucket
    assert isinstance(bucket, SlowBucket)
    bucket.reads.clear()
    bucket.rounds = bucket.most = 0
    try:
        yield node
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


async def test_events_side_by_side_are_read_together_and_once() -> None:
    async with lake(events=300) as node:
        bucket = node.bucket
        assert isinstance(bucket, SlowBucket)
        found, begun = await steps(node, node.state, "t", 0)
        assert begun and [event.seq for _, event in found] == [*range(1, 301)]
        slots = [key for key in bucket.reads if key.startswith(SLOTS)]
        assert len(slots) == len(set(slots)) == 300
        assert bucket.most == WINDOW and bucket.rounds <= 5 + 300 // WINDOW + 1
        bucket.reads.clear()
        later, begun = await steps(node, node.state, "t", 299)
        assert [event.seq for _, event in later] == [300]
        assert not begun and len(bucket.reads) == 1


async def test_events_far_apart_are_read_alone() -> None:
    async with lake(events=20, others=3) as node:
        bucket = node.bucket
        assert isinstance(bucket, SlowBucket)
        found, _ = await steps(node, node.state, "t", 0)
        assert [event.seq for _, event in found] == [*range(1, 81, 4)]
        assert len(bucket.reads) == 20


async def test_other_work_has_its_turn_between_contents() -> None:
    async with lake(events=200) as node:
        found, _ = await steps(node, node.state, "t", 0)
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        working = asyncio.create_task(other())
        seen = [content.seq async for content in contents(node, "t", found)]
        working.cancel()
        assert seen == [*range(1, 201)]
        assert turns >= 200 // 32
