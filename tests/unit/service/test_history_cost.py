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
    found = await Catalog(node).history(Caller("reader", 0.0), "T", HistoryQuery())
    events = found.body.events
    assert len(events) == 45
    assert [event.type for event in events[:2]] == ["dataset_registered", "dataset_dropped"]
    assert len([key for key in bucket.reads if key.startswith(SLOTS)]) == len(bucket.reads) == 45
    assert bucket.lists == []
    bucket.reads.clear()
    newest = LatestHistoryQuery(before=events[-1].seq, limit=5)
    latest = (await Catalog(node).latest_history(Caller("reader", 0.0), "T", newest)).body
    assert [each.seq for each in latest.events] == [each.seq for each in events[-2:-7:-1]]
    assert latest.has_older and len(bucket.reads) == 7, "one after them says that there are more"
    oldest = LatestHistoryQuery(before=events[2].seq, limit=5)
    latest = (await Catalog(node).latest_history(Caller("reader", 0.0), "T", oldest)).body
    assert [each.seq for each in latest.events] == [events[1].seq, events[0].seq]
    assert not latest.has_older
