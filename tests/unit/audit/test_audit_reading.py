"""Pages of the audit, its verification, and its retention; the attacks are done on the bucket."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from manual_clock import BEGAN, ManualClock

from journal.bucket.memory import MemoryBucket
from lakehouse.api.audit.entries import AuditEntry, AuditHead
from lakehouse.audit import reading
from lakehouse.audit.batch import decode, encode, sha256
from lakehouse.audit.log import AuditLog
from lakehouse.domain.errors import RefusedError

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def lake(batches: int = 4, seeds: tuple[int, ...] = (1,), days: bool = False) -> MemoryBucket:
    """A bucket with that many batches of three entries of each node, one batch a day for `days`."""
    bucket = MemoryBucket()
    for seed in seeds:
        clock = ManualClock()
        audit = AuditLog(bucket, clock, random.Random(seed), "all")
        for batch in range(batches):
            for number in range(3):
                id_ = f"{seed}.{batch}.{number}"
                audit.record(AuditEntry(kind="read", status=200, request_id=id_))
            await audit.close(5)
            if days:
                await clock.advance(86_400)
    return bucket


async def keys(bucket: MemoryBucket) -> list[str]:
    return [stat.key for stat in await bucket.list_objects("_audit/")]


async def copy(bucket: MemoryBucket, changed: dict[str, bytes | None]) -> MemoryBucket:
    """The bucket with other bytes under some keys, or without them."""
    found = MemoryBucket()
    for key in {*await keys(bucket), *changed}:
        body = changed[key] if key in changed else await bucket.read(key)
        if body is not None:
            await found.upload(key, body)
    return found


async def faults(bucket: MemoryBucket, *heads: AuditHead) -> list[tuple[str, str]]:
    try:
        await reading.verify(bucket, LONG_AGO, heads)
    except RefusedError as error:
        assert error.refused.code == "audit_corrupt"
        return [(str(row["key"]), str(row["fault"])) for row in error.refused.errors]
    return []


def edited(body: bytes) -> bytes:
    batch = decode(body)
    lines = [
        b'{"kind":"read","status":200,"request_id":"forged"}\n' for _ in batch.entries
    ]  # fmt: skip
    return encode(batch.header, lines)


async def test_an_intact_audit_verifies_and_names_its_heads() -> None:
    bucket = await lake(seeds=(1, 2), days=True)
    found = await reading.verify(bucket, LONG_AGO)
    assert (found.batches, found.entries, found.lost) == (8, 24, 0)
    last = {key.split("/")[2][:16]: key for key in await keys(bucket)}
    heads = {head.node: (head.batch, head.sha256) for head in found.heads}
    assert heads == {node: (4, sha256(await bucket.read(key))) for node, key in last.items()}
    assert await faults(bucket, *found.heads) == []


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_an_edited_batch_is_named(number: int) -> None:
    bucket = await lake()
    key = (await keys(bucket))[number]
    forged = await copy(bucket, {key: edited(await bucket.read(key))})
    assert await faults(forged) == [(key, "edited")]


@pytest.mark.parametrize("body", [b"", b"garbage", encode, lambda body: body[:-3]], ids=range(4))
async def test_bytes_that_are_no_batch_are_named(body: object) -> None:
    bucket = await lake()
    key = (await keys(bucket))[1]
    whole = await bucket.read(key)
    bad = (
        encode(decode(whole).header, [])
        if body is encode
        else body(whole)
        if callable(body)
        else body
    )
    assert ((key, "edited")) in await faults(await copy(bucket, {key: bad}))


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_a_missing_batch_is_named(number: int) -> None:
    bucket = await lake()
    key = (await keys(bucket))[number]
    assert await faults(await copy(bucket, {key: None})) == [(key, "missing")]


async def test_a_missing_or_edited_last_batch_is_named_by_a_recorded_head() -> None:
    bucket = await lake()
    head = (await reading.verify(bucket, LONG_AGO)).heads[0]
    key = (await keys(bucket))[-1]
    without = await copy(bucket, {key: None})
    assert await faults(without) == []
    assert [fault for _, fault in await faults(without, head)] == ["missing"]
    forged = await copy(bucket, {key: edited(await bucket.read(key))})
    assert await faults(forged) == []
    assert await faults(forged, head) == [(key, "edited")]


async def test_batches_that_changed_places_are_named() -> None:
    bucket = await lake()
    first, second = (await keys(bucket))[1:3]
    swapped = {first: await bucket.read(second), second: await bucket.read(first)}
    found = await faults(await copy(bucket, swapped))
    assert {(first, "moved"), (second, "moved")} <= set(found)


async def test_a_batch_under_another_day_is_named() -> None:
    bucket = await lake()
    key = (await keys(bucket))[3]
    moved = key.replace("2026-01-01", "2026-02-01")
    found = await faults(await copy(bucket, {key: None, moved: await bucket.read(key)}))
    assert found == [(moved, "moved")]


async def test_what_is_no_batch_is_foreign() -> None:
    bucket = await copy(await lake(), {"_audit/2026-01-01/notes.txt": b"x"})
    assert await faults(bucket) == [("_audit/2026-01-01/notes.txt", "foreign")]


async def test_pages_hold_every_entry_once_and_in_order() -> None:
    bucket = await lake(seeds=(1, 2), days=True)
    whole = await reading.entries(bucket, "", 1_000)
    assert whole.next is None
    ids = [each.request_id for each in whole.entries]
    assert len(ids) == len(set(ids)) == 24
    for limit in (1, 2, 3, 5, 24):
        after, found = "", []
        while True:
            page = await reading.entries(bucket, after, limit)
            found += page.entries
            if page.next is None:
                break
            assert len(page.entries) == limit
            after = page.next
        assert found == whole.entries


async def test_a_page_goes_on_after_a_batch_that_has_expired_meanwhile() -> None:
    bucket = await lake(days=True)
    page = await reading.entries(bucket, "", 2)
    rest = await copy(bucket, {(await keys(bucket))[0]: None})
    found = await reading.entries(rest, page.next or "", 100)
    assert next(each.request_id for each in found.entries) == "1.1.0"


@pytest.mark.parametrize("after", ["x", "2026-01-01/x:1", "../../x:1", ":", "2026-01-01:1"])
async def test_an_after_that_no_page_gave_is_refused(after: str) -> None:
    with pytest.raises(RefusedError, match="invalid_request"):
        await reading.entries(await lake(), after, 10)


async def test_gc_takes_whole_days_before_the_retention_and_the_rest_verifies() -> None:
    bucket = await lake(days=True, seeds=(1, 2))
    before = BEGAN + timedelta(days=2, hours=13)
    gone = [stat.key async for stat in reading.expired(bucket, before)]
    assert sorted({key.split("/")[1] for key in gone}) == ["2026-01-01", "2026-01-02"]
    await bucket.delete_blobs(gone)
    assert len(await keys(bucket)) == 4
    found = await reading.verify(bucket, before)
    assert found.batches == 4
    # With a longer retention, they should still be there.
    assert {fault for _, fault in await faults(bucket)} == {"missing"}


def test_retention_is_days_or_weeks() -> None:
    assert reading.retention("90d") == timedelta(days=90)
    assert reading.retention("2w") == timedelta(days=14)
