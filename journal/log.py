"""The journal in a bucket: opens it, reads slots, commits one slot.

Owns every request under `_journal/lake.json` and `_journal/slots/`. Must never fold, decide, or
write anything but a slot and, once, `lake.json`.
"""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from journal.bucket import keys
from journal.bucket.errors import BucketRefused, BucketUnavailable, ObjectMissing
from journal.bucket.port import Answer, Bucket
from journal.clock import Clock, uuid7
from journal.commit import Found, Progress, Step, after_put, after_read
from journal.packs import SLOTS_A_PACK, first_of, read_pack
from journal.slot import (
    FORMAT,
    Head,
    JournalCorrupt,
    Lake,
    SealedSlot,
    Slot,
    decode_lake,
    decode_slot,
    encode_lake,
    format_at,
    genesis,
    seal_slot,
    sha256_hex,
)

WINDOW = 32
"""The most slots that a catch-up reads at once."""
DIRECT = 128
"""So many slots of history are read one by one; more are read from packs."""
PAUSE_S = 0.05
PAUSE_MAX_S = 5.0


class Committed(msgspec.Struct, frozen=True):
    """Our slot is in the journal."""


class RaceLost(msgspec.Struct, frozen=True):
    """Another writer has this position. Our slot will never be there."""

    slot: Slot


class CommitFailed(msgspec.Struct, frozen=True):
    """Our slot is certainly not in the journal; the store gave a reason."""

    detail: str


class StoreBroken(Exception):
    """The store answered 412 and then 404 for the same slot: no writer may trust it any longer."""


class Journal:
    """One lake's slots. All methods may run concurrently, but one commit at a time per process."""

    def __init__(
        self, bucket: Bucket, lake: Lake, origin: Head, clock: Clock, chance: random.Random
    ) -> None:
        self.bucket = bucket
        self.lake = lake
        self.origin = origin
        self._clock = clock
        self._chance = chance

    async def read(self, position: int) -> Slot | None:
        """The slot at `position`, None when there is none yet.

        Raises JournalCorrupt, UpgradeRequired, BucketUnavailable, BucketRefused.
        """
        body = await self._body(position)
        return decode_slot(body, position) if body is not None else None

    async def sealed(self, position: int) -> SealedSlot | None:
        """The slot at `position`, its events not decoded; None where there is none yet.

        Raises as read does.
        """
        body = await self._body(position)
        return seal_slot(body, position) if body is not None else None

    async def slots(self, first: int) -> AsyncGenerator[Slot, None]:
        """Slots from position `first` up to the first gap, read in growing parallel windows.

        Slots beyond the first gap or the first fault are ignored.
        """
        async with aclosing(self._bodies(first)) as bodies:
            async for position, body in bodies:
                # Decoded one at a time, on demand: that keeps the data in the CPU's cache.
                yield decode_slot(body, position)

    async def history(self, first: int, last: int) -> AsyncGenerator[Slot, None]:
        """Slots from `first` to `last`, all of which exist, read as `bodies` does."""
        async with aclosing(self.bodies(first, last)) as bodies:
            async for position, body in bodies:
                yield decode_slot(body, position)

    async def bodies(self, first: int, last: int) -> AsyncGenerator[tuple[int, bytes], None]:
        """Positions and bytes of the slots `first` to `last`: a few one by one, many from packs.

        The first slots are read one by one, so stopping early is cheap: a pack must be verified whole.
        """
        async with aclosing(self._until(first, min(last, first + DIRECT - 1))) as bodies:
            async for position, body in bodies:
                yield position, body
        position = first + DIRECT
        while position <= last:
            end = min(last, first_of(position) + SLOTS_A_PACK - 1)
            pack = await read_pack(self.bucket, first_of(position))
            if pack is None:
                async with aclosing(self._until(position, end)) as bodies:
                    async for number, body in bodies:
                        yield number, body
            else:
                for number, body in pack.slots():
                    if position <= number <= end:
                        yield number, body
            position = end + 1

    async def _body(self, position: int) -> bytes | None:
        try:
            return await self.bucket.read(keys.slot_key(position))
        except ObjectMissing:
            return None

    async def _bodies(self, first: int) -> AsyncGenerator[tuple[int, bytes], None]:
        width = 1
        while True:
            reads = [self._body(position) for position in range(first, first + width)]
            bodies = await asyncio.gather(*reads, return_exceptions=True)
            for position, body in enumerate(bodies, first):
                if isinstance(body, BaseException):
                    raise body
                if body is None:
                    return
                yield position, body
            first += width
            width = min(2 * width, WINDOW)

    async def _until(self, first: int, last: int) -> AsyncGenerator[tuple[int, bytes], None]:
        async with aclosing(self._bodies(first)) as bodies:
            async for position, body in bodies:
                if position > last:
                    return
                yield position, body

    async def hash_at(self, position: int) -> str:
        """The SHA-256 of the bytes at `position` now (0: `lake.json`). Raises ObjectMissing."""
        key = keys.slot_key(position) if position else keys.LAKE
        return sha256_hex(await self.bucket.read(key))

    async def expect_no_gap(self, position: int) -> None:
        """Raises JournalCorrupt when slots exist beyond `position`, but not the next one.

        GETs alone cannot find this: a gap reads like the journal's end.
        """
        first = await self.bucket.list_objects(keys.SLOTS, keys.slot_key(position), limit=1)
        if not first or first[0].key == keys.slot_key(position + 1):
            return
        # Both may have been created while the store was listing; only a read that begins now is proof.
        if await self.read(position + 1) is None:
            seen = keys.slot_position(first[0].key) or first[0].key
            raise JournalCorrupt(position + 1, "it is missing", str(position + 1), str(seen))

    async def commit(
        self, position: int, body: bytes, commit: str
    ) -> Committed | RaceLost | CommitFailed:
        """Put `body` at `position` and find out the outcome, however long that takes.

        Returns only a certain outcome, and retries until it has one. Cancelling it leaves the
        slot unknown. Raises StoreBroken, JournalCorrupt, UpgradeRequired.
        """
        progress, detail, attempt = Progress(), "", 0
        while True:
            if progress.pause:
                attempt += 1
                await self._clock.sleep(pause_s(attempt, self._chance))
            match progress.step:
                case Step.PUT_AGAIN:
                    created = await self.bucket.create(keys.slot_key(position), body)
                    progress, detail = after_put(progress, created.answer), created.detail
                case Step.READ:
                    found, slot = await self._read_back(position, commit)
                    progress = after_read(progress, found)
                    if slot is not None and progress.step is Step.LOST:
                        return RaceLost(slot)
            match progress.step:
                case Step.COMMITTED:
                    return Committed()
                case Step.FAILED:
                    return CommitFailed(detail)
                case Step.BROKEN:
                    raise StoreBroken(f"slot {position}: the store answered 412, then 404")

    async def _read_back(self, position: int, commit: str) -> tuple[Found | None, Slot | None]:
        try:
            slot = await self.read(position)
        except (BucketUnavailable, BucketRefused):
            # No answer, so no conclusion: the caller repeats the read after a pause.
            return None, None
        if slot is None:
            return Found.ABSENT, None
        return (Found.OURS if slot.header.commit == commit else Found.ANOTHERS), slot


async def open_journal(bucket: Bucket, clock: Clock, chance: random.Random) -> Journal:
    """The bucket's journal, created if there is none: create `lake.json`, then GET; the winner's counts.

    Raises JournalCorrupt when `lake.json` is absent while slot 1 exists, UpgradeRequired.
    """
    journal = await find_journal(bucket, clock, chance)
    if journal is not None:
        return journal
    now = clock.now()
    created = await bucket.create(
        keys.LAKE, encode_lake(Lake(uuid7(now, chance), FORMAT, format_at(now)))
    )
    journal = await find_journal(bucket, clock, chance)
    if journal is None:
        kind = BucketRefused if created.answer is Answer.REFUSED else BucketUnavailable
        raise kind(f"{keys.LAKE} could not be created: {created.answer.value}; {created.detail}")
    return journal


async def find_journal(bucket: Bucket, clock: Clock, chance: random.Random) -> Journal | None:
    """The bucket's journal, None when there is none. Writes nothing."""
    body = await _read_lake(bucket)
    if body is None and await _slot_one_exists(bucket):
        # Another process may have created the lake between the two reads. It creates slot 1 last, so
        # only a read that begins after slot 1 was seen distinguishes damage from a new lake.
        body = await _read_lake(bucket)
        if body is None:
            raise JournalCorrupt(0, "lake.json is absent while slot 1 exists")
    if body is None:
        return None
    return Journal(bucket, decode_lake(body), genesis(body), clock, chance)


async def holds_lake(bucket: Bucket) -> bool:
    """Whether a journal exists here: `lake.json`, or a slot without it, which is damage."""
    return bool(await bucket.list_objects(keys.JOURNAL, limit=1))


def pause_s(attempt: int, chance: random.Random) -> float:
    """Exponential back-off with full jitter (AWS architecture blog, 2015), in seconds."""
    return chance.uniform(0, min(PAUSE_MAX_S, PAUSE_S * 2**attempt))


async def _read_lake(bucket: Bucket) -> bytes | None:
    try:
        return await bucket.read(keys.LAKE)
    except ObjectMissing:
        return None


async def _slot_one_exists(bucket: Bucket) -> bool:
    try:
        await bucket.read(keys.slot_key(1))
    except ObjectMissing:
        return False
    return True
