"""Packs: the exact bytes of 1,024 slots in one object, so that reading history takes few requests.

Derived, never truth: a pack counts only when its slots are joined by their hashes and the last of
them is the one in the journal. Made once, by whoever gets there. Must never touch a slot.
"""

from itertools import pairwise

import zstandard

from journal.bucket.errors import ObjectMissing
from journal.bucket.keys import PACKS, slot_key
from journal.bucket.port import Bucket
from journal.slot import JournalCorrupt, Slot, decode_slot, sha256_hex

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
    """The slots of a pack; None where there is no such pack, or none that is proven."""
    try:
        body = await bucket.read(pack_key(first))
        joined = zstandard.ZstdDecompressor().decompressobj().decompress(body)
        slots = _split(joined, first)
        last = sha256_hex(await bucket.read(slot_key(first + SLOTS_A_PACK - 1)))
        return slots if _are_joined(slots) and slots[-1].sha256 == last else None
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


def _are_joined(slots: list[Slot]) -> bool:
    return all(after.header.prev == before.sha256 for before, after in pairwise(slots))
