"""Verifies that every slot exists, is whole, in order and linked to the one before. Writes nothing."""

import asyncio
from collections.abc import AsyncIterator

from journal.bucket import keys
from journal.bucket.port import Bucket
from journal.log import WINDOW, Journal
from journal.slot import Head, JournalCorrupt, check_link


async def verify(journal: Journal) -> AsyncIterator[Head]:
    """The head after each good slot, in order, to the end of the journal.

    Checks names, contiguity, decodability, hashes, seqs and times. Raises JournalCorrupt naming
    the first bad slot, UpgradeRequired, BucketError. Memory does not grow with the journal.
    """
    head = journal.origin
    async for positions in _windows(journal.bucket):
        there = [seen for want, seen in enumerate(positions, head.position + 1) if want == seen]
        reads = (journal.read(position) for position in there)
        # In the order of the slots, not of the answers, to name the first bad one.
        for slot in await asyncio.gather(*reads, return_exceptions=True):
            if isinstance(slot, BaseException):
                raise slot
            if slot is None:
                raise JournalCorrupt(head.position + 1, "it is listed and cannot be read")
            check_link(head, slot, journal.lake.lake)
            head = slot.head
            yield head
        if len(there) < len(positions):
            want, seen = head.position + 1, positions[len(there)]
            raise JournalCorrupt(want, "it is missing", str(want), str(seen))


async def _windows(bucket: Bucket) -> AsyncIterator[list[int]]:
    after = ""
    while True:
        page = await bucket.list_objects(keys.SLOTS, after)
        positions = [_position(stat.key) for stat in page]
        for start in range(0, len(positions), WINDOW):
            yield positions[start : start + WINDOW]
        if len(page) < 1000:
            return
        after = page[-1].key


def _position(key: str) -> int:
    position = keys.slot_position(key)
    if position is None:
        raise JournalCorrupt(0, f"{key!r} is not a slot's name")
    return position
