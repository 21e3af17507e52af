"""verify: the first bad slot is named, whatever is wrong with it."""

import asyncio

import pytest
from builders import EMPTY, LAKE, ORIGIN, FakeClock, chance, slot_body, stored
from scripted_bucket import ScriptedBucket

from journal.bucket import keys
from journal.log import Journal
from journal.slot import JournalCorrupt, decode_slot
from journal.verify import verify
from projections.fold import fold

SLOTS = 40


async def bucket_of_slots() -> ScriptedBucket:
    bucket, state = ScriptedBucket(), EMPTY
    for position in range(1, SLOTS + 1):
        body = slot_body(state, stored(f"k{position}"))
        await bucket.put_by_another(keys.slot_key(position), body)
        state = fold(state, decode_slot(body, position))
    return bucket


async def verified(bucket: ScriptedBucket) -> int:
    journal = Journal(bucket, LAKE, ORIGIN, FakeClock(), chance())
    return [head.position async for head in verify(journal)][-1]


async def fault(bucket: ScriptedBucket) -> JournalCorrupt:
    with pytest.raises(JournalCorrupt) as caught:
        await verified(bucket)
    return caught.value


async def test_a_good_journal_verifies_to_its_end() -> None:
    assert await verified(await bucket_of_slots()) == SLOTS


@pytest.mark.parametrize("position", [1, 2, 32, 33, 39])
async def test_a_missing_slot_is_named(position: int) -> None:
    bucket = await bucket_of_slots()
    bucket.remove(keys.slot_key(position))
    assert (await fault(bucket)).position == position


@pytest.mark.parametrize("position", [1, 2, 33, 40])
async def test_a_slot_that_is_cut_short_is_named(position: int) -> None:
    bucket = await bucket_of_slots()
    body = await bucket.read(keys.slot_key(position))
    bucket.overwrite(keys.slot_key(position), body[:-10])
    assert (await fault(bucket)).position == position


@pytest.mark.parametrize("position", [1, 17, 39])
async def test_a_changed_slot_shows_in_the_next_one_s_prev(position: int) -> None:
    bucket = await bucket_of_slots()
    body = await bucket.read(keys.slot_key(position))
    bucket.overwrite(keys.slot_key(position), body.replace(b'"tester"', b'"forger"'))
    found = await fault(bucket)
    assert found.position == position + 1
    assert found.expected != found.seen


async def test_reordered_slots_are_found() -> None:
    bucket = await bucket_of_slots()
    one, other = await bucket.read(keys.slot_key(5)), await bucket.read(keys.slot_key(6))
    bucket.overwrite(keys.slot_key(5), other)
    bucket.overwrite(keys.slot_key(6), one)
    assert (await fault(bucket)).position == 5


async def test_the_first_bad_slot_is_named_whichever_is_read_first() -> None:
    bucket = await bucket_of_slots()
    for position in (5, 6):
        bucket.overwrite(keys.slot_key(position), b"?")
    bucket.remove(keys.slot_key(9))
    read = bucket.read

    async def slow_at_first(key: str) -> bytes:
        for _ in range(10 if key == keys.slot_key(5) else 0):
            await asyncio.sleep(0)
        return await read(key)

    bucket.read = slow_at_first  # type: ignore[method-assign]
    assert (await fault(bucket)).position == 5


async def test_a_foreign_name_among_the_slots_is_reported() -> None:
    bucket = await bucket_of_slots()
    await bucket.put_by_another("_journal/slots/0000000000000000007.ndjson", b"")
    assert "0000000000000000007" in str(await fault(bucket))
