"""The newest events of a type: pages that end where they have enough, or have read enough."""

import asyncio

import pytest
from builders import chance, context
from scripted_bucket import ScriptedBucket

from journal.clock import SystemClock
from lakehouse.api.console.journal import LatestEvents, LatestEventsQuery
from lakehouse.commit.node import Node
from lakehouse.domain.commands import DropDataset, RegisterDataset
from lakehouse.service.caller import Caller
from lakehouse.service.history import journal
from lakehouse.service.history.journal import JournalReads
from lakehouse.service.index.entity_chains import EntityChains


@pytest.fixture
async def reads() -> JournalReads:
    """Of a journal of 100 events in as many slots; events 10 and 20 drop a dataset."""
    node = await Node.open(ScriptedBucket(), SystemClock(), chance())
    writing = asyncio.create_task(node.writer.run())
    for number in range(1, 101):
        drops = number in (10, 20)
        command = (
            DropDataset(f"d{number - 1}") if drops else RegisterDataset(f"d{number}", "f", (), 1)
        )
        await node.writer.submit(command, context())
    writing.cancel()
    return JournalReads(node, EntityChains(node))


async def page(reads: JournalReads, type_: str, before: int | None = None) -> LatestEvents:
    query = LatestEventsQuery(before=before, span=8, most=3, type=type_)
    return (await reads.latest(Caller("reader", 0.0), query)).body


async def test_rare_events_are_found_on_one_page(reads: JournalReads) -> None:
    found = await page(reads, "dataset_dropped")
    assert [each.seq for each in found.events] == [20, 10]
    assert (found.first, found.last) == (1, 100)


async def test_a_page_ends_with_its_last_event(reads: JournalReads) -> None:
    found = await page(reads, "dataset_registered")
    assert [each.seq for each in found.events] == [100, 99, 98]
    assert found.first == 98
    older = await page(reads, "dataset_registered", before=found.first)
    assert [each.seq for each in older.events] == [97, 96, 95]


@pytest.mark.parametrize(("name", "most"), [("SCANNED_NUMBERS", 40), ("SCANNED_SLOTS", 33)])
async def test_a_page_has_read_enough(
    reads: JournalReads, monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    monkeypatch.setattr(journal, name, most)
    found = await page(reads, "dataset_dropped")
    assert (found.events, found.first, found.last) == ([], 61, 100)
    rest = await page(reads, "dataset_dropped", before=found.first)
    last = await page(reads, "dataset_dropped", before=rest.first)
    assert [each.seq for each in rest.events + last.events] == [20, 10]
