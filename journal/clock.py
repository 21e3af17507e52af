"""Time, sleep and randomness as values that are passed in, so that a test controls all three."""

import asyncio
import os
import random
import threading
import time
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    """The clock of code that does I/O. Pure code gets times, never a clock."""

    def now(self) -> datetime:
        """The wall clock, in UTC. May jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards, from no particular start."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Let others run for `delay_s` seconds."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)


class SystemRandomness(random.SystemRandom):
    """The system's randomness, read ahead: each read is a system call, after which a thread waits for
    the interpreter's lock. Thread-safe; a forked process reads its own."""

    _AHEAD_BYTES = 4096

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._ahead = b""
        self._used, self._process = 0, os.getpid()

    def randbytes(self, n: int) -> bytes:
        """`n` bytes that were returned to nobody else."""
        if n > self._AHEAD_BYTES:
            return super().randbytes(n)
        with self._lock:
            if self._used + n > len(self._ahead) or self._process != os.getpid():
                self._ahead, self._used = os.urandom(self._AHEAD_BYTES), 0
                self._process = os.getpid()
            self._used += n
            return self._ahead[self._used - n : self._used]

    def getrandbits(self, k: int) -> int:
        """`k` random bits; at least none."""
        if k < 0:
            raise ValueError("the number of bits must not be negative")
        size = (k + 7) // 8
        return int.from_bytes(self.randbytes(size)) >> (8 * size - k)


def uuid7(now: datetime, chance: random.Random) -> str:
    """A UUIDv7 (RFC 9562, section 5.7): milliseconds, then 74 random bits."""
    milliseconds = int(now.timestamp() * 1000) & (2**48 - 1)
    value = milliseconds << 80 | 0x7 << 76 | chance.getrandbits(12) << 64
    value |= 0b10 << 62 | chance.getrandbits(62)
    return str(UUID(int=value))


def uuid7_time(text: str) -> datetime:
    """The UTC time in a UUIDv7, to the millisecond. Raises ValueError for text that is not a UUID."""
    return datetime.fromtimestamp((UUID(text).int >> 80) / 1000, UTC)


def random_name(chance: random.Random, length: int) -> str:
    """Lower-case letters and digits without look-alikes, for tags and writers' names.

    One draw for all of them: each draw of the system's randomness is a system call.
    """
    letters, number = "23456789abcdefghjkmnpqrstuvwxyz", chance.getrandbits(8 * length)
    return "".join(
        letters[number // len(letters) ** place % len(letters)] for place in range(length)
    )
