"""Checkpoints: a state's bytes beside the journal, so that opening need not read all of it.

Caches: a checkpoint is used only if its bytes have the root that its name states and the slot that it
names is still in the journal. Written once, by the first process that is ready. Does not interpret
states. Must never touch a slot.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO

import msgspec
import zstandard

from journal.bucket.errors import ObjectMissing
from journal.bucket.keys import CHECKPOINTS
from journal.bucket.port import Bucket
from journal.slot import Head, sha256_hex

LEVEL = 3
LINES_A_PIECE = 32
"""A concurrent commit waits while a piece is encoded; larger pieces would delay it more."""
_LAST = 10**20 - 1
_NAME = re.compile(r"([0-9]+)/([0-9]{20})-([0-9]+)-([0-9a-f]{16})\.zst")


class Checkpoint(msgspec.Struct, frozen=True):
    """A checkpoint's name: the state of version `version` after event `seq`."""

    version: int
    seq: int
    position: int
    root: str
    """First 16 hex digits of the root."""

    @property
    def key(self) -> str:
        """Its key: of one version's names, the newest sorts first."""
        return (
            f"{CHECKPOINTS}{self.version}/{_LAST - self.seq:020d}-{self.position}-{self.root}.zst"
        )


def checkpoint_of(version: int, head: Head, root: str) -> Checkpoint:
    """The checkpoint of the state with this head and root."""
    return Checkpoint(version, head.seq, head.position, root[:16])


def parse(key: str) -> Checkpoint | None:
    """The inverse of `key`; None for the key of any other object."""
    match = _NAME.fullmatch(key.removeprefix(CHECKPOINTS)) if key.startswith(CHECKPOINTS) else None
    if match is None:
        return None
    return Checkpoint(int(match[1]), _LAST - int(match[2]), int(match[3]), match[4])


async def next_older(
    bucket: Bucket, version: int, than: Checkpoint | int | None
) -> Checkpoint | None:
    """The newest checkpoint of this version: of all, as of a seq, or older than another one.

    One LIST of one key.
    """
    prefix = f"{CHECKPOINTS}{version}/"
    after = f"{prefix}{_LAST - than:020d}" if isinstance(than, int) else than.key if than else ""
    found = await bucket.list_objects(prefix, after, 1)
    while found:
        checkpoint = parse(found[0].key)
        if checkpoint is not None:
            return checkpoint
        found = await bucket.list_objects(prefix, found[0].key, 1)
    return None


async def load(bucket: Bucket, checkpoint: Checkpoint) -> bytes | None:
    """The state's bytes; None when they are absent, damaged, or do not match the name."""
    try:
        body = await bucket.read(checkpoint.key)
        unpacked = zstandard.ZstdDecompressor().decompressobj().decompress(body)
    except (ObjectMissing, zstandard.ZstdError):
        # An unusable cache is skipped: an older one, or the slots, contain everything.
        return None
    return unpacked if sha256_hex(unpacked)[:16] == checkpoint.root else None


def write(lines: Iterable[bytes], file: BinaryIO) -> str:
    """Write a state's lines to `file` as a checkpoint; the root: SHA-256 (hex) of the lines.

    In pieces, so that memory does not grow with the state. Hashing and compressing a piece let
    other threads have the interpreter: a commit must not wait for a checkpoint to be made.
    """
    digest = hashlib.sha256()
    with zstandard.ZstdCompressor(level=LEVEL).stream_writer(file, closefd=False) as packed:
        for piece in _pieces(lines):
            digest.update(piece)
            packed.write(piece)
    return digest.hexdigest()


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    waiting = iter(lines)
    while piece := b"".join(islice(waiting, LINES_A_PIECE)):
        yield piece
