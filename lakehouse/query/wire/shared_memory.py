"""The memory that one worker shares with the server: large parts of results pass through it.

Owns its layout, slots that are used in turns. Through a socket each byte was copied twice by the kernel,
in pieces of some 64 KiB. Its size is sealed: a worker that made it smaller would end the server.
"""

import fcntl
import mmap
import os

SLOTS = 2
"""One is filled while the other is read."""
SLOT_BYTES = 1024 * 1024
LEAST_BYTES = 32 * 1024
"""A smaller part costs less in a message."""
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


def make_shared_memory() -> int:
    """The descriptor of new memory, which no path leads to."""
    descriptor = os.memfd_create("lakehouse-results", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, SLOTS * SLOT_BYTES)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor


class SharedMemory:
    """One side's view of it. Messages decide who may write or read a slot."""

    def __init__(self, descriptor: int) -> None:
        """Takes the descriptor over."""
        try:
            self._memory = mmap.mmap(descriptor, SLOTS * SLOT_BYTES)
        finally:
            os.close(descriptor)

    def write(self, slot: int, data: bytes | memoryview) -> None:
        """Fill a slot with at most SLOT_BYTES."""
        start = _start(slot, len(data))
        self._memory[start : start + len(data)] = data

    def read(self, slot: int, size_bytes: int) -> bytes:
        """A copy of the first bytes of a slot. Raises ValueError for what is not inside one."""
        start = _start(slot, size_bytes)
        return self._memory[start : start + size_bytes]

    def close(self) -> None:
        """Release this side's view."""
        self._memory.close()


def _start(slot: int, size_bytes: int) -> int:
    if slot not in range(SLOTS) or not 0 <= size_bytes <= SLOT_BYTES:
        raise ValueError(f"slot {slot} of the shared memory does not hold {size_bytes:,} bytes")
    return slot * SLOT_BYTES
