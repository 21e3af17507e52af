"""Damage beneath a running node: found without a write, named, and no write goes through after it."""

import asyncio

import pytest
from builders import FakeClock, chance, context
from scripted_bucket import ScriptedBucket

from journal.bucket import keys
from journal.slot import JournalCorrupt
from lakehouse.commit.node import Node
from lakehouse.domain.commands import RegisterDataset
from lakehouse.domain.errors import RefusedError

IDLE_S = 31.0


def register(name: str) -> RegisterDataset:
    return RegisterDataset(name, "f", (), None)


async def idle_node(bucket: ScriptedBucket) -> tuple[Node, FakeClock]:
    """A node that wrote three slots and has been idle since."""
    clock = FakeClock()
    clock.at = await bucket.now()
    node = await Node.open(bucket, clock, chance())
    writer = asyncio.create_task(node.writer.run())
    for name in ("a", "b", "c"):
        await node.writer.submit(register(name), context())
    writer.cancel()
    clock.pass_time(IDLE_S)
    return node, clock


def fault_of(node: Node) -> str:
    assert node.writer.fault is not None, "nothing was found"
    assert node.writer.fault.code == "journal_corrupt"
    return node.writer.fault.detail


async def test_an_older_copy_is_noticed_by_a_node_that_only_reads() -> None:
    bucket = ScriptedBucket()
    node, _ = await idle_node(bucket)
    bucket.remove(keys.slot_key(3))
    bucket.remove(keys.slot_key(2))
    await node.refresh()
    assert "slot 3" in fault_of(node)
    assert node.state.head.seq == 3


async def test_a_head_that_was_changed_is_noticed_with_both_hashes() -> None:
    bucket = ScriptedBucket()
    node, _ = await idle_node(bucket)
    bucket.overwrite(keys.slot_key(3), b"changed\n")
    await node.refresh()
    assert node.state.head.sha256 in fault_of(node)


async def test_a_lake_that_lost_its_name_is_noticed() -> None:
    bucket = ScriptedBucket()
    node, _ = await idle_node(bucket)
    bucket.remove(keys.LAKE)
    await node.refresh()
    assert "lake.json" in fault_of(node)


async def test_a_slot_that_stands_behind_a_gap_is_noticed() -> None:
    bucket = ScriptedBucket()
    node, _ = await idle_node(bucket)
    await bucket.put_by_another(keys.slot_key(5), await bucket.read(keys.slot_key(3)))
    await node.refresh()
    assert "slot 4" in fault_of(node)


async def test_a_start_on_a_journal_with_a_gap_is_refused() -> None:
    bucket = ScriptedBucket()
    await idle_node(bucket)
    bucket.remove(keys.slot_key(2))
    with pytest.raises(JournalCorrupt, match=r"slot 2.*missing"):
        await Node.open(bucket, FakeClock(), chance())


async def test_looks_soon_after_each_other_read_the_head_once() -> None:
    bucket = ScriptedBucket()
    node, clock = await idle_node(bucket)
    await node.refresh()
    bucket.reads.clear()
    clock.pass_time(1)
    await node.refresh()
    assert bucket.reads == [keys.slot_key(4)]


async def test_what_waits_when_damage_is_found_is_not_written() -> None:
    """The commands of a batch's rest were taken from the queue before the fault was known."""
    bucket = ScriptedBucket()
    node, _ = await idle_node(bucket)

    async def find_damage() -> None:
        node.writer.halt(JournalCorrupt(2, "it reads differently"))

    bucket.script.append("conflict")
    bucket.before_create.append(find_damage)
    writer = asyncio.create_task(node.writer.run())
    large = [RegisterDataset("x" * 200 + str(n), "f" * 1000, (), None) for n in range(1_001)]
    asked = [asyncio.create_task(node.writer.submit(each, context())) for each in large]
    done = await asyncio.gather(*asked, return_exceptions=True)
    writer.cancel()
    refused = [each for each in done if isinstance(each, RefusedError)]
    assert refused, "all were written"
    assert {each.refused.code for each in refused} == {"journal_corrupt"}
    assert len(bucket.creates) <= 5
