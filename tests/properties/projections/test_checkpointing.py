"""Checkpoints and packs: they save reading, and are never believed without proof."""

import asyncio
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import pytest
import zstandard
from builders import (
    EMPTY,
    FakeClock,
    chance,
    slot,
    stored,
)
from long_lake import SLOTS, Long, journal_on, kept
from scripted_bucket import ScriptedBucket

from journal import checkpoints, packs
from journal.bucket import keys
from journal.slot import Slot, decode_slot
from lakehouse.commit.checkpointer import Checkpointer
from projections.codec import encode_state, state_root
from projections.fold import STATE_VERSION, Folding, fold
from projections.states import checkpointing, snapshots
from projections.states import follower as follower_module
from projections.states.checkpointing import is_due, newest_state, store_pack, store_state
from projections.states.follower import MARKS, Follower
from projections.states.snapshots import Snapshots


@pytest.fixture(scope="module")
def long() -> Long:
    return Long()


@pytest.fixture
async def bucket(long: Long) -> ScriptedBucket:
    return await long.bucket()


async def checkpoint_keys(bucket: ScriptedBucket) -> list[str]:
    return [stat.key for stat in await bucket.list_objects(keys.CHECKPOINTS)]


async def test_a_checkpoint_every_1024_slots_and_a_pack_of_them(
    long: Long, bucket: ScriptedBucket
) -> None:
    await kept(bucket)
    found = [checkpoints.parse(key) for key in await checkpoint_keys(bucket)]
    assert [(each.position, each.seq) for each in found if each] == [(2048, 4096), (1024, 2048)]
    assert [stat.key for stat in await bucket.list_objects(keys.PACKS)] == [
        packs.pack_key(1),
        packs.pack_key(1025),
    ]
    pack = unpacked(await bucket.read(packs.pack_key(1025)))
    assert pack == b"".join(long.bodies[1024:2048])


async def test_every_node_makes_the_same_objects(long: Long) -> None:
    one, other = await long.bucket(), await long.bucket()
    await kept(one)
    follower = Follower(journal_on(other))
    for position in range(1, SLOTS + 1):
        follower.accept(decode_slot(long.bodies[position - 1], position))
    await Checkpointer(follower, FakeClock(), chance(9), None).store_due()
    for key in await checkpoint_keys(one):
        assert await one.read(key) == await other.read(key)


async def test_opening_takes_one_list_two_gets_and_the_tail(
    long: Long, bucket: ScriptedBucket
) -> None:
    await kept(bucket)
    opened = Follower(journal_on(bucket))
    assert await opened.open() == long.states[-1]
    assert len(bucket.lists) == 1
    assert bucket.reads[1] == keys.slot_key(2048)
    assert set(bucket.reads[2:]) <= {keys.slot_key(n) for n in range(2049, SLOTS + 64)}


@pytest.mark.parametrize("seq", [1, 2, 2047, 2048, 2049, 3000, 4095, 4096, 4097, 4200])
async def test_any_past_state_is_a_checkpoint_and_at_most_a_pack_away(
    long: Long, bucket: ScriptedBucket, seq: int
) -> None:
    follower = await kept(bucket)
    state = await Snapshots(follower).state_at(seq)
    whole = long.states[(seq + 1) // 2]
    assert state.head.seq == seq
    if seq % 2 == 0:
        assert state == whole
        assert state_root(state) == state_root(whole)
    assert len(bucket.reads) < 200


async def test_a_past_state_after_another_one_is_folded_from_there(
    long: Long, bucket: ScriptedBucket
) -> None:
    follower = await kept(bucket)
    past = Snapshots(follower)
    await past.state_at(2_601)
    bucket.reads.clear()
    bucket.lists.clear()
    for seq in (2_602, 2_700, 2_604, 2_603, 3_000):
        state = await past.state_at(seq)
        assert state.head.seq == seq
        if seq % 2 == 0:
            assert state_root(state) == state_root(long.states[seq // 2])
    assert not [key for key in bucket.reads if key.startswith(keys.CHECKPOINTS)]
    assert bucket.lists == []


async def test_a_step_back_folds_few_events(
    long: Long, bucket: ScriptedBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    folded = list[int]()

    class Counting(Folding):
        def add(self, slot: Slot, seq: int | None = None) -> None:
            folded.append(slot.header.position)
            super().add(slot, seq)

    monkeypatch.setattr(snapshots, "MARK_EVENTS", 200)
    past = Snapshots(await kept(bucket))
    await past.state_at(3_900)
    monkeypatch.setattr(snapshots, "Folding", Counting)
    for seq in (3_898, 3_800, 3_702):
        folded.clear()
        state = await past.state_at(seq)
        assert state_root(state) == state_root(long.states[seq // 2])
        assert len(folded) <= 100


async def test_the_recent_past_is_folded_from_states_in_memory(
    long: Long, bucket: ScriptedBucket
) -> None:
    await kept(bucket)
    opened = Follower(journal_on(bucket))
    await opened.open()
    bucket.reads.clear()
    bucket.lists.clear()
    state = await Snapshots(opened).state_at(long.states[-1].head.seq - 2)
    assert state_root(state) == state_root(long.states[-2])
    assert not [key for key in bucket.reads if key.startswith(keys.CHECKPOINTS)]
    assert bucket.lists == []


async def test_states_for_the_recent_past_are_few_and_follow_the_head(
    long: Long, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower_module, "MARK_EVENTS", 100)
    bucket = await long.bucket()
    followed = Follower(journal_on(bucket))
    await followed.catch_up()
    last = long.states[-1].head.seq // 100
    assert [state.head.seq for state in followed.marks] == [
        100 * number for number in range(last - MARKS + 1, last + 1)
    ]
    assert (await Follower(journal_on(bucket)).open()) == followed.state


def unpacked(body: bytes) -> bytes:
    """A pack's bytes: a stream, so that its frame does not name their count."""
    return zstandard.ZstdDecompressor().decompressobj().decompress(body)


async def damage(bucket: ScriptedBucket, key: str) -> None:
    bucket.overwrite(key, (await bucket.read(key))[:-7])


async def lie(bucket: ScriptedBucket, key: str) -> None:
    checkpoints.write(encode_state(EMPTY), body := BytesIO())
    bucket.overwrite(key, body.getvalue())


async def vanish(bucket: ScriptedBucket, key: str) -> None:
    bucket.remove(key)


@pytest.mark.parametrize("spoil", [damage, lie, vanish])
async def test_a_checkpoint_that_cannot_be_proven_is_passed_over(
    long: Long, bucket: ScriptedBucket, spoil: object
) -> None:
    await kept(bucket)
    newest, older = await checkpoint_keys(bucket)
    await spoil(bucket, newest)  # type: ignore[operator]
    found = await newest_state(journal_on(bucket))
    assert found == long.states[1024]
    await spoil(bucket, older)  # type: ignore[operator]
    assert await newest_state(journal_on(bucket)) is None
    assert await Follower(journal_on(bucket)).open() == long.states[-1]


async def test_a_checkpoint_beyond_the_slots_of_a_copy_is_passed_over(
    long: Long, bucket: ScriptedBucket
) -> None:
    await kept(bucket)
    for position in range(1500, SLOTS + 1):
        bucket.remove(keys.slot_key(position))
    assert await Follower(journal_on(bucket)).open() == long.states[1499]


async def test_a_checkpoint_of_another_history_is_passed_over(long: Long) -> None:
    bucket = await long.bucket()
    other = fold(EMPTY, slot(EMPTY, stored("another")))
    await store_state(journal_on(bucket), other, None)
    assert await newest_state(journal_on(bucket)) is None


async def test_another_version_s_checkpoints_are_ignored_and_left(
    bucket: ScriptedBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept(bucket)
    before = await checkpoint_keys(bucket)
    monkeypatch.setattr(checkpointing, "STATE_VERSION", STATE_VERSION + 1)
    assert await newest_state(journal_on(bucket)) is None
    assert await checkpoint_keys(bucket) == before


@pytest.mark.parametrize("spoil", [damage, vanish])
async def test_a_pack_that_is_of_no_use_is_passed_over(
    long: Long, bucket: ScriptedBucket, spoil: object
) -> None:
    follower = await kept(bucket)
    await spoil(bucket, packs.pack_key(1025))  # type: ignore[operator]
    assert await Snapshots(follower).state_at(3000) == long.states[1500]


@pytest.mark.parametrize("piece_bytes", [100, 1_000_003])
async def test_a_pack_s_slots_are_the_same_in_any_pieces(
    long: Long, monkeypatch: pytest.MonkeyPatch, piece_bytes: int
) -> None:
    with packs.writing(packed := BytesIO()) as write:
        write(b"".join(long.bodies[:1024]))
    monkeypatch.setattr(packs, "PIECE_BYTES", piece_bytes)
    found = list(packs.Pack(1, packed.getvalue()).slots())
    assert found == list(enumerate(long.bodies[:1024], 1))


@pytest.mark.parametrize(("held_bytes", "held"), [(0, 0), (1_000, 0), (1 << 30, 1_024)])
async def test_a_pack_s_slots_are_the_same_whether_they_are_held_or_not(
    held_bytes: int,
    held: int,
    long: Long,
    bucket: ScriptedBucket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await kept(bucket)
    monkeypatch.setattr(packs, "HELD_BYTES", held_bytes)
    pack = await packs.read_pack(bucket, 1025)
    assert pack is not None
    assert len(pack.held) == held
    assert list(pack.slots()) == list(enumerate(long.bodies[1024:2048], 1025))


async def test_a_pack_whose_slots_do_not_link_is_passed_over(
    long: Long, bucket: ScriptedBucket
) -> None:
    follower = await kept(bucket)
    joined = unpacked(await bucket.read(packs.pack_key(1025)))
    with packs.writing(forged := BytesIO()) as write:
        write(joined.replace(b'"tester"', b'"forger"'))
    bucket.overwrite(packs.pack_key(1025), forged.getvalue())
    assert await Snapshots(follower).state_at(3000) == long.states[1500]


async def test_keeping_twice_is_keeping_once(long: Long, bucket: ScriptedBucket) -> None:
    journal = journal_on(bucket)
    first = await store_state(journal, long.states[1024], None)
    assert await store_state(journal, long.states[1024], None) == first
    await store_pack(journal, 1, None)
    await store_pack(journal, 1, None)
    assert len(await checkpoint_keys(bucket)) == 1


async def test_nothing_is_left_where_bytes_waited(
    long: Long, bucket: ScriptedBucket, tmp_path: Path
) -> None:
    await store_state(journal_on(bucket), long.states[1024], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_due_is_the_same_for_every_node(long: Long) -> None:
    heads = [state.head for state in long.states]
    due = [after.position for before, after in pairwise(heads) if is_due(before, after)]
    assert due == [1024, 2048]


def test_names_sort_newest_first_and_parse_back() -> None:
    made = [checkpoints.Checkpoint(1, seq, seq // 2, "0123456789abcdef") for seq in (9, 10, 4096)]
    assert sorted(each.key for each in made) == [each.key for each in reversed(made)]
    assert [checkpoints.parse(each.key) for each in made] == made
    assert checkpoints.parse("_journal/checkpoints/1/x.zst") is None
    assert checkpoints.parse(keys.slot_key(1)) is None


async def test_who_stops_keeping_waits_for_the_thread_that_still_writes(
    bucket: ScriptedBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compressor that is closed under its thread takes the process down."""
    begun, go_on, closed = threading.Event(), threading.Event(), threading.Event()
    seen: list[bool] = []

    @contextmanager
    def slow(_: BinaryIO) -> Iterator[Callable[[bytes], object]]:
        def write(_: bytes) -> None:
            begun.set()
            go_on.wait(60)
            seen.append(closed.is_set())

        try:
            yield write
        finally:
            closed.set()

    monkeypatch.setattr(packs, "writing", slow)
    keeping = asyncio.create_task(store_pack(journal_on(bucket), 1, tmp_path))
    await asyncio.to_thread(begun.wait, 10)
    keeping.cancel()
    # Time enough to leave for whoever does not wait: a cancellation takes a few turns of the loop.
    for _ in range(10):
        await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    assert seen == [False]
    assert list(tmp_path.iterdir()) == []


def test_the_runbook_s_command_cuts_a_slot_out_of_a_pack(long: Long) -> None:
    runbook = (Path(__file__).parents[3] / "ops" / "RUNBOOK.md").read_text()
    found = re.search(r"zstd -dc PACK \| awk -v n=7 '(?P<program>[^']+)' > SLOT", runbook)
    assert found is not None
    joined = b"".join(long.bodies[:1024])
    command = ["awk", "-v", "n=7", found["program"]]
    done = subprocess.run(command, input=joined, capture_output=True, check=True)
    assert done.stdout == long.bodies[6]
