"""A dataset's history costs its own length, whatever else is in the journal: requests, counted."""

import asyncio

from builders import chance, context
from scripted_bucket import ScriptedBucket

from journal.bucket.keys import SLOTS
from journal.clock import SystemClock
from lakehouse.api.catalog.datasets import HistoryQuery
from lakehouse.api.console.history import LatestHistoryQuery
from lakehouse.commit.node import Node
from lakehouse.domain.commands import DropDataset, RegisterDataset
from lakehouse.service.caller import Caller
from lakehouse.service.catalog.use_case import Catalog
from lakehouse.service.index.entity_chains import EntityChains


async def test_its_events_are_read_and_no_others() -> None:
    bucket = ScriptedBucket()
    node = await Node.open(bucket, SystemClock(), chance())
    writing = asyncio.create_task(node.writer.run())
    for number in range(300):
        other = RegisterDataset(f"other{number}", "f", (), None)
        await node.writer.submit(other, context())
        if number % 10 == 0:
            await node.writer.submit(RegisterDataset("t", "f", (), number), context())
            if number % 20 == 0:
                await node.writer.submit(DropDataset("t"), context())
    writing.cancel()
    bucket.reads.clear()
    bucket.lists.clear()
    catalog = Catalog(node, EntityChains(node))
    found = await catalog.history(Caller("reader", 0.0), "T", HistoryQuery())
    events = found.body.events
    assert len(events) == 45
    assert [event.type for event in events[:2]] == ["dataset_registered", "dataset_dropped"]
    assert len([key for key in bucket.reads if key.startswith(SLOTS)]) == len(bucket.reads) == 45
    assert bucket.lists == []
    bucket.reads.clear()
    newest = LatestHistoryQuery(before=events[-1].seq, limit=5)
    latest = (await catalog.latest_history(Caller("reader", 0.0), "T", newest)).body
    assert [each.seq for each in latest.events] == [each.seq for each in events[-2:-7:-1]]
    assert latest.has_older and len(bucket.reads) == 6, "one after them says that there are more"
    bucket.reads.clear()
    oldest = LatestHistoryQuery(before=events[2].seq, limit=5)
    latest = (await catalog.latest_history(Caller("reader", 0.0), "T", oldest)).body
    assert [each.seq for each in latest.events] == [events[1].seq, events[0].seq]
    assert not latest.has_older and len(bucket.reads) == 2, "the links to them are known"
    bucket.reads.clear()
    page = HistoryQuery(after=events[9].seq, limit=10)
    found = await catalog.history(Caller("reader", 0.0), "T", page)
    assert [each.seq for each in found.body.events] == [each.seq for each in events[10:20]]
    assert found.body.next == events[19].seq and len(bucket.reads) == 11


async def test_few_remembered_links_give_the_same_events() -> None:
    node = await Node.open(ScriptedBucket(), SystemClock(), chance())
    writing = asyncio.create_task(node.writer.run())
    for number in range(6):
        await node.writer.submit(RegisterDataset("t", "f", (), number), context())
        await node.writer.submit(DropDataset("t"), context())
    writing.cancel()
    chains = EntityChains(node, remembered=2)
    for _ in range(2):
        oldest = [event.seq async for _, event in chains.oldest_first("dataset:t", 3)]
        newest = [event.seq async for _, event in chains.newest_first("dataset:t", 9)]
        assert oldest == [*range(4, 13)] and newest == [*range(8, 0, -1)]
