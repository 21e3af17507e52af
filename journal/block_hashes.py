"""Block hashes: they verify a part of an object without the rest of it. Pure.

An object is cut into blocks of BLOCK_BYTES, the last one shorter. An object of one block is proven
by its SHA-256; of a larger one the event that first names its blob records the SHA-256 of each
block. FORMAT.md, "Block hashes", is the specification. Must never read an object: callers pass bytes.
"""

import hashlib
from base64 import b64decode, b64encode

BLOCK_BYTES = 1 << 20
"""Smaller blocks would cost more state (43 bytes a block), larger ones more bytes for a column."""
_DIGEST_BYTES = 32


class BlockHasher:
    """Hashes an object whole and block by block, as its bytes arrive; or whole alone."""

    def __init__(self, *, blocks: bool = True) -> None:
        self.size_bytes = 0
        self._blocks = blocks
        self._whole = hashlib.sha256()
        self._block = self._whole
        """The first block's is the whole's, so that an object of one block is hashed once."""
        self._digests: list[bytes] = []

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes, of any number."""
        view = memoryview(data)
        if not self._blocks:
            self._whole.update(view)
            self.size_bytes += len(view)
            return
        while view:
            if self.size_bytes and not self.size_bytes % BLOCK_BYTES:
                self._digests.append(self._block.digest())
                self._block = hashlib.sha256()
            part = view[: BLOCK_BYTES - self.size_bytes % BLOCK_BYTES]
            self._whole.update(part)
            if self._block is not self._whole:
                self._block.update(part)
            self.size_bytes += len(part)
            view = view[len(part) :]

    @property
    def sha256(self) -> str:
        """Lower-case hex SHA-256 of all bytes so far."""
        return self._whole.hexdigest()

    @property
    def block_hashes(self) -> str:
        """The recorded form: base64 of the joined digests; empty without `blocks` or for only one block."""
        if not self._digests:
            return ""
        return b64encode(b"".join([*self._digests, self._block.digest()])).decode()


def block_count(size_bytes: int) -> int:
    """How many blocks an object of that size has; an empty one has one, which is empty."""
    return max(1, -(-size_bytes // BLOCK_BYTES))


def block_size(size_bytes: int, index: int) -> int:
    """How many bytes block `index` (from 0) of an object of that size has."""
    return min(BLOCK_BYTES, size_bytes - index * BLOCK_BYTES)


def digests(size_bytes: int, sha256: str, block_hashes: str) -> tuple[bytes, ...] | None:
    """The SHA-256 of each block of an object; None where they were not recorded.

    Raises ValueError for a record that does not fit an object of that size.
    """
    if block_count(size_bytes) == 1:
        return (bytes.fromhex(sha256),)
    if not block_hashes:
        return None
    joined = b64decode(block_hashes, validate=True)
    if len(joined) != _DIGEST_BYTES * block_count(size_bytes):
        raise ValueError(f"{len(joined)} bytes of block hashes for {size_bytes:,} bytes")
    return tuple(joined[at : at + _DIGEST_BYTES] for at in range(0, len(joined), _DIGEST_BYTES))


def record_fault(size_bytes: int, block_hashes: str) -> str | None:
    """Why an event may not record `block_hashes` for an object of that size, or None."""
    if not block_hashes:
        return None
    if block_count(size_bytes) == 1:
        return "block hashes for an object of one block"
    try:
        digests(size_bytes, "", block_hashes)
    except ValueError as error:
        return str(error)
    return None


def hashed(body: bytes) -> BlockHasher:
    """A hasher that has taken all of `body`."""
    hasher = BlockHasher()
    hasher.update(body)
    return hasher
