"""Extents (places of verified bytes), and the messages with which a worker requests blocks. Pure.

Bytes in a file do not cross the socket: the answer names the file and its identity, and the worker
reads it. A changed identity means that the file was written to, so the worker checks it after each
read and requests the block again.
"""

import msgspec

SCHEME = "lake"
_PREFIX = f"{SCHEME}://"

Identity = tuple[int, int, int, int]
"""Device, inode, size in bytes, time of the last change in ns: every write changes at least one."""


class Extent(msgspec.Struct, frozen=True, gc=False):
    """Verified bytes of an object, from `start`, in a file that has this identity.

    The object's byte `p` is the file's byte `p - shift`.
    """

    start: int
    stop: int
    path: str
    shift: int
    identity: Identity


class BlocksWanted(msgspec.Struct, frozen=True, tag=True):
    """Verify the blocks that hold bytes `start` to `stop` of a blob."""

    number: int
    blob: str
    start: int
    stop: int
    inline: bool = False
    """Send the bytes themselves: the files cannot be read."""


class BlobsUsed(msgspec.Struct, frozen=True, tag=True):
    """These blobs were opened by a query: they are the last to leave the cache. No answer."""

    blobs: tuple[str, ...]


class BlocksReady(msgspec.Struct, frozen=True, tag=True):
    """The bytes are verified and lie in these extents, in order."""

    number: int
    extents: tuple[Extent, ...]


class BytesReady(msgspec.Struct, frozen=True, tag=True):
    """The verified bytes themselves, where no cache could take them."""

    number: int
    data: bytes


class ReadFailed(msgspec.Struct, frozen=True, tag=True):
    """The bytes are not available; the query ends with this code."""

    number: int
    code: str
    detail: str


class QueryInterrupted(msgspec.Struct, frozen=True, tag=True):
    """Stop the query of this number; ignored when that query has ended. No answer."""

    number: int


ToServer = BlocksWanted | BlobsUsed
Answer = BlocksReady | BytesReady | ReadFailed
FromServer = Answer | QueryInterrupted


def object_url(blob: str, size_bytes: int) -> str:
    """What DuckDB opens: names a blob and its size, no place."""
    return f"{_PREFIX}{size_bytes}/{blob}"


def parse_object_url(url: str) -> tuple[str, int]:
    """The blob and its size in bytes. ValueError for any other text."""
    size_bytes, slash, blob = url.removeprefix(_PREFIX).partition("/")
    if not slash or not size_bytes.isdecimal():
        raise ValueError("not an object's URL")
    return blob, int(size_bytes)
