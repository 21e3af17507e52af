"""Packs: the exact bytes of 1,024 slots in one object, so that reading history takes few requests.

Derived: a pack is used only if its slots are linked by their hashes and the last one is in the
journal. Written once, by the first process that is ready. Must never touch a slot.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import msgspec
import zstandard

from journal.bucket.errors import ObjectMissing
from journal.bucket.keys import PACKS, slot_key
from journal.bucket.port import Bucket
from journal.slot import JournalCorrupt, decode_header, sha256_hex

SLOTS_A_PACK = 1_024
LEVEL = 3
PIECE_BYTES = 1024 * 1024
"""How much of a pack is decompressed at once: a pack may contain gigabytes."""
HELD_BYTES = 64 * 1024 * 1024
"""A pack of at most this size is decompressed once, for both verifying and reading."""
_BEGINNING = b'\n{"slot":'


def pack_key(first: int) -> str:
    """The key of the pack whose first slot is at position `first`."""
    return f"{PACKS}{first:020d}-{first + SLOTS_A_PACK - 1:020d}.ndjson.zst"


def parse(key: str) -> int | None:
    """The first position of the pack with this key; None for the key of any other object."""
    numbers = key.removeprefix(PACKS).partition("-")[0]
    first = int(numbers) if numbers.isascii() and numbers.isdigit() else 0
    return first if first and key == pack_key(first) else None


def first_of(position: int) -> int:
    """The first position of the pack that the slot at `position` belongs to."""
    return (position - 1) // SLOTS_A_PACK * SLOTS_A_PACK + 1


@contextmanager
def writing(file: BinaryIO) -> Iterator[Callable[[bytes], object]]:
    """A writer for the bytes of a pack's slots, in order and in any pieces; it compresses to `file`."""
    with zstandard.ZstdCompressor(level=LEVEL).stream_writer(file, closefd=False) as packed:
        yield packed.write


class Pack(msgspec.Struct, frozen=True):
    """A pack whose slots are verified: `body` is the object's bytes, still compressed.

    `held` are the slots' bytes, as they came out while they were proven, where they are not large.
    """

    first: int
    body: bytes
    held: tuple[bytes, ...] = ()

    def slots(self) -> Iterator[tuple[int, bytes]]:
        """Each slot's position and bytes, in order; a large pack is decompressed on demand."""
        return enumerate(self.held or _slots(self.body), self.first)


async def read_pack(bucket: Bucket, first: int) -> Pack | None:
    """The pack whose first slot is `first`; None when it is absent or cannot be verified."""
    try:
        body = await bucket.read(pack_key(first))
        last = sha256_hex(await bucket.read(slot_key(first + SLOTS_A_PACK - 1)))
        return await asyncio.to_thread(_proven, first, body, last)
    except (ObjectMissing, zstandard.ZstdError, JournalCorrupt):
        # An unusable cache is skipped: the slots contain everything.
        return None


def _proven(first: int, body: bytes, last: str) -> Pack:
    """Raises JournalCorrupt when the pack's slots do not lead, hash by hash, to the hash `last`."""
    pack, held, size_bytes = Pack(first, body), list[bytes](), 0
    count, sha256 = 0, ""
    for position, slot in pack.slots():
        size_bytes += len(slot)
        if size_bytes <= HELD_BYTES:
            held.append(slot)
        else:
            held.clear()
        if count and decode_header(slot, position).prev != sha256:
            raise JournalCorrupt(position, "its pack holds other bytes")
        count, sha256 = count + 1, sha256_hex(slot)
    if count != SLOTS_A_PACK:
        raise JournalCorrupt(pack.first, "its pack", str(SLOTS_A_PACK), str(count))
    if sha256 != last:
        raise JournalCorrupt(pack.first + count - 1, "its pack holds other bytes")
    return msgspec.structs.replace(pack, held=tuple(held))


def _slots(body: bytes) -> Iterator[bytes]:
    """Split slots at their headers: no event looks like a header line."""
    rest = b""
    for piece in zstandard.ZstdDecompressor().read_to_iter(body, write_size=PIECE_BYTES):
        *whole, rest = _split(rest + piece)
        yield from whole
    if rest:
        yield rest


def _split(joined: bytes) -> list[bytes]:
    """`joined` cut before each header but the first; what comes last may go on."""
    found: list[bytes] = []
    start = 0
    while end := joined.find(_BEGINNING, start) + 1:
        found.append(joined[start:end])
        start = end
    return [*found, joined[start:]]
