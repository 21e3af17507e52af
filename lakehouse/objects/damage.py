"""What is wrong with an object, as an exception that names it. Pure."""

from journal.block_hashes import block_count


class ObjectDamaged(Exception):
    """An object's bytes are not those of the journal. Never retried, and nothing of it is used."""

    def __init__(self, key: str, blob: str, reason: str) -> None:
        super().__init__(f"object {key}: {reason}")
        self.key = key
        self.blob = blob
        self.reason = reason


def block_fault(size_bytes: int, index: int) -> str:
    """What to say of a block whose bytes are not those of the journal."""
    return f"block {index + 1} of {block_count(size_bytes)} is not what was stored"


def size_fault(expected: int, size_bytes: int) -> str | None:
    """What to say of an object's size, or None when it is the expected one."""
    return None if size_bytes == expected else f"it has {size_bytes:,} bytes, not {expected:,}"
