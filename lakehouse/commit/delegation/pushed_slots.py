"""Slots that a leader has sent and that this process cannot fold yet: an unbroken run of the newest.

Owns their bytes, bounded. A process that is behind reads the journal up to the run, and then folds the run.
Without it, one that reads slots more slowly than the leader commits them would never arrive.
"""

from collections import deque

SLOTS = 1_024
SIZE_BYTES = 32 << 20


class PushedSlots:
    """Bytes by position, one position after the other."""

    def __init__(self) -> None:
        self._bodies: deque[bytes] = deque()
        self._first = 0
        self._size_bytes = 0

    def add(self, position: int, body: bytes) -> None:
        """Keep a slot; one that does not follow the last one, or is too much, begins a new run."""
        last = self._first + len(self._bodies) - 1
        if self._bodies and self._first <= position <= last:
            return
        full = len(self._bodies) >= SLOTS or self._size_bytes + len(body) > SIZE_BYTES
        if not self._bodies or position != last + 1 or full:
            self.clear()
            self._first = position
        self._bodies.append(body)
        self._size_bytes += len(body)

    def take(self, position: int) -> bytes | None:
        """Remove and return the slot at `position`, and drop those before it; None if it is not here."""
        while self._bodies and self._first < position:
            self._pop()
        return self._pop() if self._bodies and self._first == position else None

    def clear(self) -> None:
        """Drop all of them."""
        self._bodies.clear()
        self._size_bytes = 0

    def _pop(self) -> bytes:
        body = self._bodies.popleft()
        self._first += 1
        self._size_bytes -= len(body)
        return body
