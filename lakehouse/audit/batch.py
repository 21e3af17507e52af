"""The bytes of an audit batch: zstd of NDJSON, a header and its entries. Pure.

Each header names its node's batch before by key and hash, so that an edited, missing or moved one shows.
Must never change what it has once written: the next batch holds the hash of the bytes.
"""

import hashlib
import re
from collections.abc import Sequence

import msgspec
import zstandard

from journal.bucket.keys import AUDIT
from lakehouse.api.audit.entries import AuditEntry
from lakehouse.domain.counts import counted

MAX_BYTES = 64 * 1024 * 1024
"""Maximum size of a decompressed batch. Batches that are written rarely exceed 1 MiB."""
VERSION = 1
_KEY = re.compile(r"_audit/([0-9]{4}-[0-9]{2}-[0-9]{2})/([0-9a-f]{16})-([0-9]{8})\.ndjson\.zst")
_ENCODER = msgspec.json.Encoder()


class BatchFault(Exception):
    """The bytes are no batch. The message says why."""


class BatchName(msgspec.Struct, frozen=True, order=True):
    """The parts of a batch's key: the day (UTC), the node, the batch's number from 1."""

    day: str
    node: str
    number: int

    @property
    def key(self) -> str:
        return f"{AUDIT}{self.day}/{self.node}-{self.number:08d}.ndjson.zst"


class Link(msgspec.Struct, frozen=True):
    """A stored batch: its key and the SHA-256 of its bytes."""

    key: str
    sha256: str


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line. `lost`: entries that were dropped since the batch before."""

    audit: int = VERSION
    node: str
    number: int
    at: str
    prev: Link | None
    entries: int
    lost: int = 0


class Batch(msgspec.Struct, frozen=True):
    """A decoded batch."""

    header: Header
    entries: tuple[AuditEntry, ...]


def parse_key(key: str) -> BatchName | None:
    """What a key names; None if it is no batch's."""
    match = _KEY.fullmatch(key)
    return BatchName(match[1], match[2], int(match[3])) if match else None


def line(entry: AuditEntry) -> bytes:
    """One entry as a line."""
    return _ENCODER.encode(entry) + b"\n"


def encode(header: Header, lines: Sequence[bytes]) -> bytes:
    """The bytes to store."""
    return zstandard.compress(b"".join([_ENCODER.encode(header), b"\n", *lines]))


def decode(body: bytes) -> Batch:
    """The inverse of `encode`. Raises BatchFault."""
    try:
        text = zstandard.ZstdDecompressor().decompress(body, max_output_size=MAX_BYTES)
        first, *lines = text.splitlines()
        header = msgspec.json.decode(first, type=Header)
        entries = tuple(msgspec.json.decode(each, type=AuditEntry) for each in lines)
    except (zstandard.ZstdError, msgspec.MsgspecError, ValueError) as error:
        raise BatchFault("it cannot be decoded") from error
    if header.entries != len(entries):
        held = counted(len(entries), "entry", "entries")
        raise BatchFault(f"it holds {held} instead of {header.entries:,}")
    return Batch(header, entries)


def sha256(body: bytes) -> str:
    """The hash that the next batch holds."""
    return hashlib.sha256(body).hexdigest()
