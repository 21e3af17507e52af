"""The system's randomness, read ahead."""

import random

import pytest

from journal import clock
from journal.clock import SystemRandomness


def test_no_byte_is_returned_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[bytes] = []

    def urandom(size: int) -> bytes:
        reads.append(random.randbytes(size))
        return reads[-1]

    monkeypatch.setattr(clock.os, "urandom", urandom)
    chance = SystemRandomness()
    drawn = b"".join(chance.randbytes(100) for _ in range(100))
    # What is left of a read that is too short for the next draw is not used.
    assert drawn == b"".join(each[:4000] for each in reads)[:10_000]
    assert len(reads) == 3


def test_a_number_has_the_bits_that_were_asked_for() -> None:
    chance = SystemRandomness()
    for bits in (0, 1, 7, 12, 62, 96, 100_000):
        drawn = [chance.getrandbits(bits) for _ in range(200 if bits < 1000 else 1)]
        assert all(0 <= each < 2**bits for each in drawn)
        if 62 <= bits < 1000:
            assert len({*drawn}) == 200
    with pytest.raises(ValueError, match="negative"):
        chance.getrandbits(-1)


def test_a_forked_process_reads_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = SystemRandomness()
    chance.randbytes(1)
    ahead = chance.randbytes(16)
    monkeypatch.setattr(clock.os, "getpid", lambda: -1)
    monkeypatch.setattr(clock.os, "urandom", lambda size: bytes(size))
    assert ahead != bytes(16)
    assert chance.randbytes(16) == bytes(16)
