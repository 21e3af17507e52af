"""A node: opening, keeping up with other writers, and what it says when it cannot."""

import asyncio
from pathlib import Path

import pytest
from builders import FakeClock, chance, context
from scripted_bucket import ScriptedBucket

from journal.bucket import keys
from journal.bucket.local.bucket import LocalBucket
from journal.clock import SystemClock
from journal.slot import JournalCorrupt
from lakehouse.commit.batch import Recorded
from lakehouse.commit.node import Node
from lakehouse.domain.commands import RegisterDataset
from lakehouse.domain.errors import RefusedError
from projections.codec import state_root


def register(name: str) -> RegisterDataset:
    return RegisterDataset(name, "f", (), None)


async def node_on(bucket: ScriptedBucket, *names: str) -> Node:
    """A node on the bucket, which has registered these names."""
    node = await Node.open(bucket, SystemClock(), chance())
    node.start(60, lambda: None)
    for name in names:
        assert isinstance(await node.writer.submit(register(name), context()), Recorded)
    return node


async def test_a_node_opens_with_everything_that_was_acknowledged() -> None:
    bucket = ScriptedBucket()
    one = await node_on(bucket, "a", "b")
    other = await Node.open(bucket, SystemClock(), chance())
    assert state_root(other.state) == state_root(one.state)
    await one.stop(1)


async def test_looking_finds_what_another_has_committed() -> None:
    bucket = ScriptedBucket()
    reader = await Node.open(bucket, SystemClock(), chance())
    writer = await node_on(bucket, "a")
    assert (await reader.wait_for_seq(1, within_s=60)).head.seq == 1
    await writer.stop(1)


async def test_what_is_not_reached_in_time_is_said_so() -> None:
    bucket = ScriptedBucket()
    node = await Node.open(bucket, FakeClock(), chance())
    with pytest.raises(RefusedError) as caught:
        await node.wait_for_seq(5, within_s=1)
    assert caught.value.refused.code == "not_caught_up"


async def test_a_bucket_out_of_reach_leaves_the_state_and_is_reported() -> None:
    bucket = ScriptedBucket()
    node = await node_on(bucket, "a")
    bucket.reads_fail = 1
    await node.refresh()
    assert node.lag_error is not None
    assert node.lag_error.code == "bucket_unavailable"
    assert node.state.head.seq == 1
    await node.refresh()
    assert node.lag_error is None
    await node.stop(1)


async def test_damage_found_while_running_stops_writing_and_not_reading() -> None:
    bucket = ScriptedBucket()
    node = await node_on(bucket, "a")
    await bucket.put_by_another(keys.slot_key(2), b"damage\n")
    await node.refresh()
    assert node.writer.fault is not None
    assert node.writer.fault.code == "journal_corrupt"
    assert node.state.head.seq == 1
    with pytest.raises(RefusedError):
        await node.writer.submit(register("b"), context())
    await node.stop(1)


async def test_damage_found_at_opening_is_raised() -> None:
    bucket = ScriptedBucket()
    await (await node_on(bucket, "a")).stop(1)
    bucket.overwrite(keys.slot_key(1), b"damage\n")
    with pytest.raises(JournalCorrupt):
        await Node.open(bucket, SystemClock(), chance())


async def test_a_newer_version_s_journal_opens_for_reading_up_to_there() -> None:
    bucket = ScriptedBucket()
    await (await node_on(bucket, "a", "b")).stop(1)
    newer = (await bucket.read(keys.slot_key(2))).replace(b'"v":1', b'"v":2')
    bucket.overwrite(keys.slot_key(2), newer)
    node = await Node.open(bucket, SystemClock(), chance())
    assert node.state.head.seq == 1
    assert node.writer.fault is not None
    assert node.writer.fault.code == "upgrade_required"


async def test_a_task_that_dies_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    died = asyncio.Event()
    node = await Node.open(ScriptedBucket(), SystemClock(), chance())

    async def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(node.writer, "run", broken)
    node.start(60, died.set)
    await asyncio.wait_for(died.wait(), 60)
    await node.stop(0.1)


async def test_two_nodes_on_one_directory_agree_whoever_is_faster(tmp_path: Path) -> None:
    buckets = [await LocalBucket.open(tmp_path), await LocalBucket.open(tmp_path)]
    nodes = [await Node.open(bucket, SystemClock(), chance(n)) for n, bucket in enumerate(buckets)]
    for node in nodes:
        node.start(60, lambda: None)
    tasks = [
        nodes[n % 2].writer.submit(register(f"d{n % 20}"), context(f"k{n}", "r")) for n in range(60)
    ]
    outcomes = await asyncio.gather(*tasks)
    for node in nodes:
        await node.refresh()
    roots = {state_root(node.state) for node in nodes}
    assert len(roots) == 1
    recorded = [each.event.seq for each in outcomes if isinstance(each, Recorded)]
    assert sorted(recorded) == list(range(1, 21))
    for node, bucket in zip(nodes, buckets, strict=True):
        await node.stop(1)
        await bucket.close()
