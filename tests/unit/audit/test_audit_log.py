"""The audit log: when batches are stored, what survives a failing bucket, and that memory is bounded."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from manual_clock import ManualClock

from journal.bucket.errors import BucketFull, BucketUnavailable
from journal.bucket.memory import MemoryBucket
from lakehouse.api.audit.entries import AuditEntry
from lakehouse.audit import log as audit_log
from lakehouse.audit.batch import decode, parse_key, sha256
from lakehouse.audit.log import AuditLog, AuditMode


class FailingBucket(MemoryBucket):
    """Takes nothing while `fault` is set; `stored_anyway` loses the answer instead."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: Exception | None = None
        self.stored_anyway = False

    async def upload(self, key: str, source: object) -> None:
        if self.fault is None or self.stored_anyway:
            await super().upload(key, source)  # type: ignore[arg-type]
        if self.fault is not None:
            raise self.fault


def entry(number: int = 0, kind: str = "refused", padding: int = 0) -> AuditEntry:
    code = "forbidden" + "x" * padding
    return AuditEntry(kind=kind, status=403, code=code, request_id=str(number))


async def keys(bucket: MemoryBucket) -> list[str]:
    return [stat.key for stat in await bucket.list_objects("_audit/")]


async def stored(bucket: MemoryBucket) -> list[str]:
    """The request ids of all entries, in order."""
    bodies = [await bucket.read(key) for key in await keys(bucket)]
    return [each.request_id for body in bodies for each in decode(body).entries]


@asynccontextmanager
async def running(
    bucket: MemoryBucket, clock: ManualClock, mode: AuditMode = "all"
) -> AsyncIterator[AuditLog]:
    audit = AuditLog(bucket, clock, random.Random(7), mode)
    task = asyncio.create_task(audit.run())
    try:
        yield audit
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: object) -> None:
    """Let the loop and its threads work until it is so."""
    async with asyncio.timeout(60):
        while not await condition():  # type: ignore[operator]
            await asyncio.sleep(0.001)


async def test_a_batch_is_stored_five_seconds_after_its_first_entry() -> None:
    bucket, clock = MemoryBucket(), ManualClock()
    async with running(bucket, clock) as audit:
        audit.record(entry(1))
        await clock.until_asleep(1)
        await clock.advance(2)
        audit.record(entry(2))
        await clock.advance(2.9)
        assert await keys(bucket) == []
        await clock.advance(0.1)
        await until(lambda: keys(bucket))
        assert await stored(bucket) == ["1", "2"]
        assert [parse_key(key).number for key in await keys(bucket)] == [1]


async def test_a_full_batch_is_stored_at_once_and_names_the_one_before() -> None:
    bucket, clock = MemoryBucket(), ManualClock()
    async with running(bucket, clock) as audit:
        for number in range(2):
            audit.record(entry(number, padding=audit_log.BATCH_BYTES))

            async def there(count: int = number + 1) -> bool:
                return len(await keys(bucket)) == count

            await until(there)
        first, second = await keys(bucket)
        body = await bucket.read(first)
        link = decode(await bucket.read(second)).header.prev
        assert (link.key, link.sha256) == (first, sha256(body))
        assert decode(body).header.prev is None
        assert "_audit/2026-01-01/" in first


@pytest.mark.parametrize("stored_anyway", [False, True], ids=["not stored", "answer lost"])
@pytest.mark.parametrize("fault", [BucketUnavailable("down"), BucketFull("full")], ids=str)
async def test_what_the_bucket_does_not_take_is_sent_again(
    fault: Exception, stored_anyway: bool
) -> None:
    bucket, clock = FailingBucket(), ManualClock()
    bucket.fault, bucket.stored_anyway = fault, stored_anyway
    async with running(bucket, clock) as audit:
        audit.record(entry(1))
        await clock.until_asleep(1)
        await clock.advance(audit_log.BATCH_S)
        await clock.until_asleep(1)
        audit.record(entry(2))
        bucket.fault = None
        await clock.advance(audit_log.RETRY_S[0])
        await until(lambda: keys(bucket))
        await audit.close(5)
        assert await stored(bucket) == ["1", "2"]
        assert [parse_key(key).number for key in await keys(bucket)] == [1, 2]


async def test_closing_in_the_middle_of_an_attempt_stores_each_entry_once() -> None:
    bucket, clock = FailingBucket(), ManualClock()
    bucket.fault, bucket.stored_anyway = BucketUnavailable("lost answer"), True
    async with running(bucket, clock) as audit:
        audit.record(entry(1))
        await clock.until_asleep(1)
        await clock.advance(audit_log.BATCH_S)
        await until(lambda: keys(bucket))
    bucket.fault = None
    audit.record(entry(2))
    await audit.close(5)
    assert await stored(bucket) == ["1", "2"]


async def test_a_close_that_cannot_store_ends_in_time() -> None:
    bucket, clock = FailingBucket(), ManualClock()
    bucket.fault = BucketUnavailable("down")
    audit = AuditLog(bucket, clock, random.Random(7), "all")
    audit.record(entry(1))
    async with asyncio.timeout(60):
        await audit.close(0.05)
    assert await keys(bucket) == []


async def test_memory_is_bounded_and_what_was_dropped_is_counted_in_the_next_header() -> None:
    bucket, clock = FailingBucket(), ManualClock()
    bucket.fault = BucketUnavailable("down")
    async with running(bucket, clock) as audit:
        for number in range(20):
            audit.record(entry(number, padding=audit_log.BATCH_BYTES))
        assert audit.lost == 13
        refused = audit.read_refusal()
        assert refused is not None and refused.code == "audit_unavailable"
        await clock.until_asleep(1)
        bucket.fault = None
        await clock.advance(audit_log.RETRY_S[0])
        await until(lambda: keys(bucket))
        await audit.close(5)
        headers = [decode(await bucket.read(key)).header for key in await keys(bucket)]
        assert sum(header.entries for header in headers) == 7
        assert sum(header.lost for header in headers) == 13
        assert audit.read_refusal() is None


@pytest.mark.parametrize("mode", ["all", "refusals"])
async def test_only_with_all_do_reads_end_when_the_audit_cannot_be_kept(mode: AuditMode) -> None:
    bucket, clock = FailingBucket(), ManualClock()
    bucket.fault = BucketUnavailable("down")
    async with running(bucket, clock, mode) as audit:
        audit.record(entry(1))
        await clock.until_asleep(1)
        await clock.advance(audit_log.UNAVAILABLE_S - 0.1)
        assert audit.read_refusal() is None
        await clock.advance(0.1)
        assert (audit.read_refusal() is not None) == (mode == "all")
        bucket.fault = None
        await clock.advance(audit_log.RETRY_S[-1])
        await until(lambda: keys(bucket))
        assert audit.read_refusal() is None


async def test_a_key_that_somebody_else_used_begins_another_chain() -> None:
    bucket, clock = MemoryBucket(), ManualClock()
    audit = AuditLog(bucket, clock, random.Random(7), "all")
    node = f"{random.Random(7).getrandbits(64):016x}"
    await bucket.upload(f"_audit/2026-01-01/{node}-00000001.ndjson.zst", b"another's")
    audit.record(entry(1))
    closing = asyncio.create_task(audit.close(5))
    await clock.until_asleep(1)
    await clock.advance(audit_log.RETRY_S[0])
    await closing
    mine = [key for key in await keys(bucket) if node not in key]
    assert len(mine) == 1
    assert decode(await bucket.read(mine[0])).header.prev is None


@pytest.mark.parametrize(
    ("mode", "kept"), [("off", []), ("refusals", ["refused"]), ("all", ["refused", "read"])]
)
def test_the_setting_says_what_is_kept(mode: AuditMode, kept: list[str]) -> None:
    audit = AuditLog(MemoryBucket(), ManualClock(), random.Random(7), mode)
    assert [kind for kind in ("refused", "read") if audit.keeps(kind)] == kept
