"""Packs: the exact bytes of 1,024 slots in one object, so that reading history takes few requests.

Derived, never truth: a pack's slots are decoded and linked like any others, so damage shows. Made
once, by whoever gets there. Must never touch a slot.
"""

import zstandard

from journal.bucket.errors import ObjectMissing
from journal.bucket.keys import PACKS
from journal.bucket.port import Bucket
from journal.slot import JournalCorrupt, Slot, decode_slot

SLOTS_A_PACK = 1_024
LEVEL = 3


def pack_key(first: int) -> str:
    """The key of the pack whose first slot is at position `first`."""
    return f"{PACKS}{first:020d}-{first + SLOTS_A_PACK - 1:020d}.ndjson.zst"


def first_of(position: int) -> int:
    """The first position of the pack that the slot at `position` belongs to."""
    return (position - 1) // SLOTS_A_PACK * SLOTS_A_PACK + 1


def packed(bodies: list[bytes]) -> bytes:
    """What is stored for the bytes of a pack's slots, in order."""
    return zstandard.ZstdCompressor(level=LEVEL).compress(b"".join(bodies))


async def read_pack(bucket: Bucket, first: int) -> list[Slot] | None:
    """The slots of a pack; None where there is no such pack, or none that is of use."""
    try:
        body = await bucket.read(pack_key(first))
        joined = zstandard.ZstdDecompressor().decompressobj().decompress(body)
        return _split(joined, first)
    except (ObjectMissing, zstandard.ZstdError, JournalCorrupt):
        # A cache that cannot be used is passed over: the slots have it all.
        return None


def _split(joined: bytes, first: int) -> list[Slot]:
    """Slots by their headers: each begins with a line that no event can be."""
    slots: list[Slot] = []
    start = 0
    while start < len(joined):
        end = joined.find(b'\n{"slot":', start) + 1 or len(joined)
        slots.append(decode_slot(joined[start:end], first + len(slots)))
        start = end
    if len(slots) != SLOTS_A_PACK:
        raise JournalCorrupt(first, "its pack", str(SLOTS_A_PACK), str(len(slots)))
    return slots
