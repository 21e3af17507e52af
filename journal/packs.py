"""Packs: the exact bytes of 1,024 slots in one object, so that reading history takes few requests.

Derived, never truth: a pack counts only when its slots are joined by their hashes and the last of
them is the one in the journal. Made once, by whoever gets there. Must never touch a slot.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import zstandard

from journal.bucket.errors import ObjectMissing
from journal.bucket.keys import PACKS, slot_key
from journal.bucket.port import Bucket
from journal.slot import JournalCorrupt, decode_header, sha256_hex

SLOTS_A_PACK = 1_024
LEVEL = 3


def pack_key(first: int) -> str:
    """The key of the pack whose first slot is at position `first`."""
    return f"{PACKS}{first:020d}-{first + SLOTS_A_PACK - 1:020d}.ndjson.zst"


def parse(key: str) -> int | None:
    """The first position of the pack that has this key; None for any other object's."""
    numbers = key.removeprefix(PACKS).partition("-")[0]
    first = int(numbers) if numbers.isascii() and numbers.isdigit() else 0
    return first if first and key == pack_key(first) else None


def first_of(position: int) -> int:
    """The first position of the pack that the slot at `position` belongs to."""
    return (position - 1) // SLOTS_A_PACK * SLOTS_A_PACK + 1


@contextmanager
def writing(file: BinaryIO) -> Iterator[Callable[[bytes], object]]:
    """What takes the bytes of a pack's slots, in order and in any pieces, on their way to `file`."""
    with zstandard.ZstdCompressor(level=LEVEL).stream_writer(file, closefd=False) as packed:
        yield packed.write


async def read_pack(bucket: Bucket, first: int) -> list[bytes] | None:
    """The bytes of a pack's slots; None where there is no such pack, or none that is proven."""
    try:
        body = await bucket.read(pack_key(first))
        last = sha256_hex(await bucket.read(slot_key(first + SLOTS_A_PACK - 1)))
        return await asyncio.to_thread(_proven, body, first, last)
    except (ObjectMissing, zstandard.ZstdError, JournalCorrupt):
        # A cache that cannot be used is passed over: the slots have it all.
        return None


def _proven(body: bytes, first: int, last: str) -> list[bytes]:
    """The slots in a pack's bytes. Raises JournalCorrupt when they do not lead to the hash `last`."""
    joined = zstandard.ZstdDecompressor().decompressobj().decompress(body)
    bodies = _split(joined)
    if len(bodies) != SLOTS_A_PACK:
        raise JournalCorrupt(first, "its pack", str(SLOTS_A_PACK), str(len(bodies)))
    expected = last
    for position in range(first + SLOTS_A_PACK - 1, first - 1, -1):
        slot = bodies[position - first]
        if sha256_hex(slot) != expected:
            raise JournalCorrupt(position, "its pack holds other bytes")
        expected = decode_header(slot, position).prev
    return bodies


def _split(joined: bytes) -> list[bytes]:
    """Slots by their headers: each begins with a line that no event can be."""
    bodies: list[bytes] = []
    start = 0
    while start < len(joined):
        end = joined.find(b'\n{"slot":', start) + 1 or len(joined)
        bodies.append(joined[start:end])
        start = end
    return bodies
