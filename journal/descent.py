"""Slots from a newer one down to the first, past damaged ones: for people who look at the damage.

Must never be folded, nor be the base of a decision: the slot below a damaged one is proved by nothing.
"""

import asyncio
from collections.abc import AsyncGenerator

import msgspec

from journal.log import WINDOW, Journal
from journal.slot import Head, JournalCorrupt, SealedSlot


class DamagedSlot(msgspec.Struct, frozen=True):
    """A slot that is missing, or has other bytes than it had."""

    position: int
    reason: str
    sha256: str | None
    """Of the right bytes, where the slot after it can be read, or it is the last one."""


async def descend(
    journal: Journal, head: Head, position: int
) -> AsyncGenerator[SealedSlot | DamagedSlot, None]:
    """The slots from `position` down to 1; each is proved by the one above it, the last by `head`.

    Raises UpgradeRequired, BucketError.
    """
    top = min(position + 1, head.position)
    expected = head.sha256 if top == head.position else None
    while top:
        first = max(top - WINDOW + 1, 1)
        positions = range(top, first - 1, -1)
        reads = [journal.sealed(each) for each in positions]
        for number, read in zip(
            positions, await asyncio.gather(*reads, return_exceptions=True), strict=True
        ):
            found = _judged(number, read, expected, journal.lake.lake)
            if number <= position:
                yield found
            expected = found.header.prev if isinstance(found, SealedSlot) else None
        top = first - 1


def _judged(
    position: int, read: SealedSlot | BaseException | None, expected: str | None, lake: str
) -> SealedSlot | DamagedSlot:
    if read is None:
        return DamagedSlot(position, "it is missing", expected)
    if isinstance(read, JournalCorrupt):
        return DamagedSlot(position, str(read).partition(": ")[2], expected)
    if isinstance(read, BaseException):
        raise read
    if read.header.lake != lake:
        return DamagedSlot(position, "it is of another lake", expected)
    seen = read.head.sha256 if expected else None
    if seen != expected:
        return DamagedSlot(position, f"its SHA-256 is {seen}, and must be {expected}", expected)
    return read
