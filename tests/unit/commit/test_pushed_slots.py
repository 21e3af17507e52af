"""Slots that arrive before those in front of them."""

from unittest import mock

from lakehouse.commit.delegation import pushed_slots
from lakehouse.commit.delegation.pushed_slots import PushedSlots


def kept(pushed: PushedSlots, first: int, last: int) -> list[bytes | None]:
    return [pushed.take(position) for position in range(first, last + 1)]


def test_an_unbroken_run_is_kept_once() -> None:
    pushed = PushedSlots()
    for position in (5, 6, 5, 7):
        pushed.add(position, b"%d" % position)
    assert pushed.take(4) is None
    assert kept(pushed, 5, 8) == [b"5", b"6", b"7", None]


def test_what_was_folded_meanwhile_is_dropped() -> None:
    pushed = PushedSlots()
    for position in (5, 6, 7):
        pushed.add(position, b"%d" % position)
    assert kept(pushed, 7, 8) == [b"7", None]
    assert pushed.take(5) is None


def test_after_a_gap_only_the_newest_run_is_kept() -> None:
    pushed = PushedSlots()
    for position in (5, 6, 8, 9):
        pushed.add(position, b"%d" % position)
    assert kept(pushed, 5, 9) == [None, None, None, b"8", b"9"]


def test_too_many_or_too_large_begin_anew() -> None:
    with (
        mock.patch.object(pushed_slots, "SLOTS", 3),
        mock.patch.object(pushed_slots, "SIZE_BYTES", 10),
    ):
        pushed = PushedSlots()
        for position in range(1, 5):
            pushed.add(position, b"x")
        assert kept(pushed, 1, 4) == [None, None, None, b"x"]
        pushed.add(5, b"x" * 9)
        pushed.add(6, b"xx")
        assert kept(pushed, 5, 6) == [None, b"xx"]


def test_what_was_taken_or_dropped_leaves_room() -> None:
    with mock.patch.object(pushed_slots, "SIZE_BYTES", 10):
        pushed = PushedSlots()
        for position in range(1, 10):
            pushed.add(position, b"xxxx")
            pushed.add(position + 1, b"xxxx")
            assert pushed.take(position) == b"xxxx"
        pushed.clear()
        pushed.add(20, b"xxxx")
        pushed.add(21, b"xxxx")
        assert kept(pushed, 20, 21) == [b"xxxx", b"xxxx"]
