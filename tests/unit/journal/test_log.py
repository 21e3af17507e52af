"""One commit against a store that answers by script: every row of the table, with I/O."""

import pytest
from builders import EMPTY, LAKE, LAKE_BODY, ORIGIN, FakeClock, chance, slot_body, stored
from scripted_bucket import ScriptedBucket

from journal.bucket import keys
from journal.bucket.errors import BucketUnavailable
from journal.log import (
    CommitFailed,
    Committed,
    Journal,
    RaceLost,
    StoreBroken,
    find_journal,
    open_journal,
)
from journal.slot import JournalCorrupt, decode_lake
from projections.fold import fold

OURS = slot_body(EMPTY, stored("ours"), commit="ours")
THEIRS = slot_body(EMPTY, stored("theirs"), commit="theirs")
KEY = keys.slot_key(1)


def journal_on(bucket: ScriptedBucket) -> Journal:
    return Journal(bucket, LAKE, ORIGIN, FakeClock(), chance())


async def commit(bucket: ScriptedBucket) -> Committed | RaceLost | CommitFailed:
    return await journal_on(bucket).commit(1, OURS, "ours")


@pytest.mark.parametrize(
    "script",
    [(), ("lost",), ("never",), ("conflict",), ("never", "never", "lost"), ("conflict", "lost")],
)
async def test_whatever_is_lost_on_the_way_our_slot_is_committed_once(
    script: tuple[str, ...],
) -> None:
    bucket = ScriptedBucket(*script)
    assert await commit(bucket) == Committed()
    assert await bucket.read(KEY) == OURS
    assert {body for _, body in bucket.creates} == {OURS}, "never other bytes for a slot in doubt"


async def test_another_s_slot_is_a_lost_race() -> None:
    bucket = ScriptedBucket()
    await bucket.put_by_another(KEY, THEIRS)
    result = await commit(bucket)
    assert isinstance(result, RaceLost)
    assert result.slot.header.commit == "theirs"


async def test_another_may_win_while_our_own_attempt_is_unknown() -> None:
    bucket = ScriptedBucket("never")
    bucket.before_create.append(lambda: bucket.put_by_another(KEY, THEIRS))
    assert isinstance(await commit(bucket), RaceLost)


async def test_a_late_write_of_ours_counts_as_ours() -> None:
    bucket = ScriptedBucket("late", "exists")
    bucket.before_create.extend([_nothing, bucket.land])
    assert await commit(bucket) == Committed()
    assert len(bucket.creates) == 2


async def test_a_refusal_fails_at_once_and_says_why() -> None:
    bucket = ScriptedBucket("refused")
    assert await commit(bucket) == CommitFailed("403")
    assert len(bucket.creates) == 1


async def test_a_refusal_after_an_unknown_attempt_settles_nothing() -> None:
    bucket = ScriptedBucket("late", "refused")
    bucket.before_create.extend([_nothing, bucket.land])
    assert await commit(bucket) == Committed()


async def test_taken_and_then_absent_is_a_broken_store() -> None:
    with pytest.raises(StoreBroken):
        await commit(ScriptedBucket("exists"))


async def test_reads_without_an_answer_are_asked_again_with_pauses() -> None:
    bucket = ScriptedBucket("lost")
    bucket.reads_fail = 5
    clock = FakeClock()
    journal = Journal(bucket, LAKE, ORIGIN, clock, chance())
    assert await journal.commit(1, OURS, "ours") == Committed()
    assert len(bucket.creates) == 1
    assert len(clock.slept_s) == 6
    assert max(clock.slept_s) <= 5.0


async def test_damage_in_the_slot_that_was_lost_is_reported() -> None:
    bucket = ScriptedBucket()
    await bucket.put_by_another(KEY, b"not a slot\n")
    with pytest.raises(JournalCorrupt, match="slot 1"):
        await commit(bucket)


async def test_slots_end_at_the_first_gap() -> None:
    bucket = ScriptedBucket()
    state, bodies = EMPTY, []
    for number in range(70):
        bodies.append(slot_body(state, stored(f"k{number}")))
        await bucket.put_by_another(keys.slot_key(number + 1), bodies[-1])
        state = fold(state, await _slot(bucket, number + 1))
    bucket.remove(keys.slot_key(66))
    found = [slot.header.position async for slot in journal_on(bucket).slots(1)]
    assert found == list(range(1, 66))
    assert len(bucket.reads) < 200


async def test_a_journal_begins_once_whoever_comes_first() -> None:
    bucket = ScriptedBucket()
    one = await open_journal(bucket, FakeClock(), chance(1))
    other = await open_journal(bucket, FakeClock(), chance(2))
    assert one.lake == other.lake
    assert one.origin == other.origin
    assert decode_lake(await bucket.read(keys.LAKE)).format == 1


async def test_looking_begins_no_journal() -> None:
    bucket = ScriptedBucket()
    assert await find_journal(bucket, FakeClock(), chance()) is None
    assert await bucket.list_objects("") == []


async def test_a_lake_that_is_absent_beside_slots_is_never_made_again() -> None:
    bucket = ScriptedBucket()
    await bucket.put_by_another(KEY, OURS)
    with pytest.raises(JournalCorrupt, match=r"lake\.json"):
        await open_journal(bucket, FakeClock(), chance())
    assert [stat.key for stat in await bucket.list_objects("")] == [KEY]


async def test_a_read_that_fails_is_not_an_absent_slot() -> None:
    bucket = ScriptedBucket()
    await bucket.put_by_another(keys.LAKE, LAKE_BODY)
    bucket.reads_fail = 1
    with pytest.raises(BucketUnavailable):
        await journal_on(bucket).read(1)


async def _slot(bucket: ScriptedBucket, position: int):
    slot = await journal_on(bucket).read(position)
    assert slot is not None
    return slot


async def _nothing() -> None:
    """Let the first attempt pass."""
