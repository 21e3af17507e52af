"""Repair: what lies is removed, what is missing is made, and no slot is touched."""

from collections.abc import Sequence
from io import BytesIO

import pytest
from builders import EMPTY
from long_lake import Long, journal_on, kept
from scripted_bucket import ScriptedBucket

from journal import checkpoints, packs
from journal.bucket import keys
from journal.slot import JournalCorrupt
from lakehouse.admin.inspection import differences
from lakehouse.admin.repair import Repaired, repair
from lakehouse.domain.errors import RefusedError
from lakehouse.domain.progress import ignore_progress
from projections.codec import encode_state
from projections.fold import STATE_VERSION
from projections.states.checkpointing import newest_state


@pytest.fixture(scope="module")
def long() -> Long:
    return Long()


@pytest.fixture
async def bucket(long: Long) -> ScriptedBucket:
    found = await long.bucket()
    await kept(found)
    return found


async def everything(bucket: ScriptedBucket, prefix: str = keys.JOURNAL) -> dict[str, bytes]:
    """Every object below `prefix`."""
    found, page = {}, await bucket.list_objects(prefix)
    while page:
        found |= {stat.key: await bucket.read(stat.key) for stat in page}
        page = await bucket.list_objects(prefix, page[-1].key)
    return found


async def repaired(bucket: ScriptedBucket) -> Repaired:
    async def remove(wrong: Sequence[str]) -> list[str]:
        assert all(map(keys.is_removable, wrong))
        for key in wrong:
            bucket.remove(key)
        return []

    return await repair(journal_on(bucket), remove, ignore_progress)


async def lie(bucket: ScriptedBucket, seq: int, position: int) -> str:
    """A checkpoint that its own root proves, and that is not what the slots fold to."""
    root = checkpoints.write(encode_state(EMPTY), body := BytesIO())
    key = checkpoints.Checkpoint(STATE_VERSION, seq, position, root[:16]).key
    await bucket.put_by_another(key, body.getvalue())
    return key


async def test_caches_that_are_right_are_left(bucket: ScriptedBucket) -> None:
    before = await everything(bucket)
    assert await repaired(bucket) == Repaired(0, 0, 0)
    assert await everything(bucket) == before


async def test_what_is_missing_is_made_again_byte_for_byte(bucket: ScriptedBucket) -> None:
    before = await everything(bucket)
    for key in [*await everything(bucket, keys.CHECKPOINTS), packs.pack_key(1)]:
        bucket.remove(key)
    assert await repaired(bucket) == Repaired(0, 2, 1)
    assert await everything(bucket) == before


async def test_what_is_damaged_or_lies_is_removed_and_made_again(
    long: Long, bucket: ScriptedBucket
) -> None:
    before = await everything(bucket)
    newest = min(await everything(bucket, keys.CHECKPOINTS))
    bucket.overwrite(newest, before[newest][:-9])
    bucket.overwrite(packs.pack_key(1025), before[packs.pack_key(1025)][:-9])
    liars = [await lie(bucket, 2048, 1024), await lie(bucket, 9_999, 9_999)]
    wrong = [each.key async for each in differences(journal_on(bucket))]
    assert sorted(wrong) == sorted([newest, packs.pack_key(1025), *liars])
    assert await repaired(bucket) == Repaired(4, 1, 1)
    assert await everything(bucket) == before
    assert await newest_state(journal_on(bucket)) == long.states[2048]


async def test_another_version_s_caches_are_left(bucket: ScriptedBucket) -> None:
    other = checkpoints.Checkpoint(STATE_VERSION + 1, 2048, 1024, "0" * 16).key
    await bucket.put_by_another(other, b"of another version")
    assert await repaired(bucket) == Repaired(0, 0, 0)
    assert await bucket.read(other) == b"of another version"


async def test_damaged_slots_are_named_and_nothing_is_changed(bucket: ScriptedBucket) -> None:
    bucket.overwrite(keys.slot_key(1500), (await bucket.read(keys.slot_key(1500)))[:-1])
    before = await everything(bucket)
    with pytest.raises(JournalCorrupt, match="slot 1500"):
        await repaired(bucket)
    assert await everything(bucket) == before


async def test_what_cannot_be_removed_is_reported(bucket: ScriptedBucket) -> None:
    bucket.overwrite(packs.pack_key(1), b"damage")

    async def refuses(wrong: Sequence[str]) -> list[str]:
        return [*wrong]

    with pytest.raises(RefusedError, match="1 caches could not be removed"):
        await repair(journal_on(bucket), refuses, ignore_progress)


@pytest.mark.parametrize("key", [keys.slot_key(1), keys.LAKE, "datasets/a", "_journal/packs/x"])
def test_neither_slots_nor_objects_are_removable(key: str) -> None:
    assert not keys.is_removable(key)


def test_caches_are_removable() -> None:
    assert keys.is_removable(packs.pack_key(1))
    assert keys.is_removable(checkpoints.Checkpoint(1, 2, 3, "0123456789abcdef").key)
