"""The follower: it shows what the journal holds, and nothing else."""

from datetime import timedelta

import pytest
from builders import (
    BEGAN,
    EMPTY,
    LAKE,
    LAKE_BODY,
    ORIGIN,
    FakeClock,
    chance,
    given,
    registered,
    slot_body,
    stored,
)
from scripted_bucket import ScriptedBucket

from journal.bucket import keys
from journal.log import Journal
from journal.slot import JournalCorrupt, UpgradeRequired, decode_slot
from projections.fold import State, fold
from projections.states.follower import Follower
from projections.states.snapshots import BeyondHead, Snapshots


async def follower_of(*facts: object) -> tuple[Follower, ScriptedBucket]:
    """A follower on a bucket with one slot for each fact, not caught up yet."""
    bucket, state = ScriptedBucket(), EMPTY
    await bucket.put_by_another(keys.LAKE, LAKE_BODY)
    for position, fact in enumerate(facts, 1):
        body = slot_body(state, fact)  # type: ignore[arg-type]
        await bucket.put_by_another(keys.slot_key(position), body)
        state = fold(state, decode_slot(body, position))
    return Follower(Journal(bucket, LAKE, ORIGIN, FakeClock(), chance())), bucket


async def test_caught_up_it_shows_what_the_slots_fold_to() -> None:
    facts = [stored("a"), registered("w"), stored("b")]
    follower, _ = await follower_of(*facts)
    assert await follower.catch_up() == given(*facts)


async def test_it_goes_on_from_where_it_is() -> None:
    follower, bucket = await follower_of(stored("a"))
    state = await follower.catch_up()
    await bucket.put_by_another(keys.slot_key(2), slot_body(state, stored("b")))
    bucket.reads.clear()
    assert (await follower.catch_up()).head.seq == 2
    assert keys.slot_key(1) not in bucket.reads


@pytest.mark.parametrize("seq", range(6))
async def test_any_seq_has_its_state(seq: int) -> None:
    facts = [stored(f"k{n}") for n in range(5)]
    follower, _ = await follower_of(*facts)
    await follower.catch_up()
    assert await Snapshots(follower).state_at(seq) == given(*facts[:seq])


async def test_a_seq_beyond_the_head_is_refused() -> None:
    follower, _ = await follower_of(stored("a"))
    await follower.catch_up()
    past = Snapshots(follower)
    for ask in (past.state_at(2), past.slot_of(2), past.slot_of(0)):
        with pytest.raises(BeyondHead):
            await ask


async def test_a_time_means_the_last_slot_that_is_not_after_it() -> None:
    follower, _ = await follower_of(*(stored(f"k{n}") for n in range(5)))
    await follower.catch_up()
    offsets = {0: 0, 0.5: 0, 1: 1, 1.5: 1, 2: 2, 4.999999: 4, 5: 5, 900: 5}
    for offset_s, seq in offsets.items():
        assert await Snapshots(follower).seq_at(BEGAN + timedelta(seconds=offset_s)) == seq


async def test_a_slot_is_found_by_any_of_its_seqs() -> None:
    follower, _ = await follower_of(*(stored(f"k{n}") for n in range(9)))
    await follower.catch_up()
    for seq in range(1, 10):
        assert (await Snapshots(follower).slot_of(seq)).header.position == seq


async def test_damage_stops_it_at_the_last_good_state() -> None:
    follower, bucket = await follower_of(stored("a"), stored("b"), stored("c"))
    body = await bucket.read(keys.slot_key(2))
    bucket.overwrite(keys.slot_key(2), body.replace(b'"c"', b'"d"', 1))
    with pytest.raises(JournalCorrupt, match=r"slot 3.*prev"):
        await follower.catch_up()
    bucket.overwrite(keys.slot_key(3), b"?")
    with pytest.raises(JournalCorrupt, match="slot 3"):
        await follower.catch_up()
    assert follower.state.head.seq == 2


async def test_a_newer_version_s_slot_stops_it_at_the_last_good_state() -> None:
    follower, bucket = await follower_of(stored("a"), stored("b"))
    body = await bucket.read(keys.slot_key(2))
    bucket.overwrite(keys.slot_key(2), body.replace(b'"object_stored"', b'"object_painted"'))
    with pytest.raises(UpgradeRequired):
        await follower.catch_up()
    assert follower.state.head.seq == 1


async def test_a_bucket_that_was_rolled_back_is_noticed() -> None:
    follower, bucket = await follower_of(stored("a"))
    state: State = await follower.catch_up()
    await follower.check_head()
    bucket.overwrite(keys.slot_key(1), slot_body(EMPTY, stored("another")))
    with pytest.raises(JournalCorrupt, match=state.head.sha256):
        await follower.check_head()
    bucket.remove(keys.slot_key(1))
    with pytest.raises(JournalCorrupt, match="absent"):
        await follower.check_head()


async def test_a_slot_that_is_folded_already_is_left_unless_it_differs() -> None:
    follower, bucket = await follower_of(stored("a"), stored("b"))
    state = await follower.catch_up()
    follower.accept(decode_slot(await bucket.read(keys.slot_key(2)), 2))
    assert follower.state is state
    other = decode_slot(slot_body(given(stored("a")), stored("other")), 2)
    with pytest.raises(JournalCorrupt):
        follower.accept(other)


class Busy(ScriptedBucket):
    """Another process commits two slots for each that is read, up to 600; it sends those after the 100th."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[int, bytes] = {}
        self.state = EMPTY

    async def read(self, key: str) -> bytes:
        for _ in range(2):
            if self.state.head.position < 600:
                await self._commit()
        return await super().read(key)

    async def _commit(self) -> None:
        position = self.state.head.position + 1
        body = slot_body(self.state, stored(f"k{position}"))
        self.state = fold(self.state, decode_slot(body, position))
        await self.put_by_another(keys.slot_key(position), body)
        if position > 100:
            self.sent[position] = body


async def test_slots_that_were_sent_are_not_read() -> None:
    bucket = Busy()
    follower = Follower(Journal(bucket, LAKE, ORIGIN, FakeClock(), chance()))

    def fold_received() -> None:
        while body := bucket.sent.get(position := follower.state.head.position + 1):
            follower.accept(decode_slot(body, position))

    follower.fold_received = fold_received
    assert (await follower.catch_up()).head.position == 600
    assert len(bucket.reads) < 350, "one that reads them all never overtakes a faster writer"
