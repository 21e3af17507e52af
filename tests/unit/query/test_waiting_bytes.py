"""Which statements leave when all that wait are too large together, by equality."""

import sys

from lakehouse.query.waiting.waiting_bytes import Waiting, evicted, memory_of

CROWD = [Waiting(number, "crowd", 30) for number in (1, 2, 3)]


def test_what_fits_waits() -> None:
    assert evicted(CROWD, Waiting(4, "crowd", 10), max_bytes=100) == []
    assert evicted([], Waiting(1, "ana", 100), max_bytes=100) == []


def test_who_has_the_most_bytes_is_refused() -> None:
    assert evicted(CROWD, Waiting(4, "crowd", 11), max_bytes=100) is None
    assert evicted([], Waiting(1, "ana", 101), max_bytes=100) is None


def test_a_principal_with_less_takes_the_place_of_the_newest_of_the_one_with_the_most() -> None:
    assert evicted(CROWD, Waiting(4, "ana", 11), max_bytes=100) == [3]
    assert evicted(CROWD, Waiting(4, "ana", 42), max_bytes=100) == [3, 2]


def test_nobody_leaves_for_one_that_has_to_leave_itself() -> None:
    others = [*CROWD, Waiting(4, "ana", 10)]
    assert evicted(others, Waiting(5, "ana", 75), max_bytes=100) is None
    assert evicted(others, Waiting(5, "ana", 30), max_bytes=100) == [3]


def test_parameters_count() -> None:
    text = "x" * 1_000
    assert memory_of("SELECT 1", None) == sys.getsizeof("SELECT 1")
    assert memory_of("SELECT ?", [text]) > 1_000
    assert memory_of("SELECT $a", {"a": {"$type": "BLOB", "value": text}}) > 1_000
