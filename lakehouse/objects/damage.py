"""Damage of an object, as an exception that names the object. Pure."""

from journal.block_hashes import block_count


class ObjectDamaged(Exception):
    """An object's bytes do not match the journal. Never retried; none of its bytes are used."""

    def __init__(self, key: str, blob: str, reason: str) -> None:
        super().__init__(f"object {key}: {reason}")
        self.key = key
        self.blob = blob
        self.reason = reason


def block_fault(size_bytes: int, index: int) -> str:
    """The text for a block whose bytes do not match the journal."""
    return f"block {index + 1} of {block_count(size_bytes)} is not what was stored"


def size_fault(expected: int, size_bytes: int) -> str | None:
    """The text for a wrong size, or None when it is the expected one."""
    return None if size_bytes == expected else f"it has {size_bytes:,} bytes, not {expected:,}"
