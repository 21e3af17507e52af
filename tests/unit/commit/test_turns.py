"""Whose turn it is, as one writer concludes it from the slots that all of them read."""

from itertools import cycle, islice

import pytest

from lakehouse.commit.limits import CommitLimits
from lakehouse.commit.turns import (
    FORGOTTEN_COMMITS,
    FORGOTTEN_S,
    GAP_COMMITS,
    REMEMBERED_SLOTS,
    SLOTS_A_WRITER,
    Turns,
)

COMMIT_S = 0.01


def turns(*slots: str, every_s: float = COMMIT_S) -> tuple[Turns, float]:
    """What writer `me` knows after these writers' slots, and the time when the last one came."""
    made, now_s = Turns("me"), 0.0
    made.record_commit(COMMIT_S)
    for writer in slots:
        now_s += every_s
        made.record_slot(writer, now_s)
    return made, now_s


def in_front(*slots: str) -> int:
    """How many slots `me` waits for."""
    made, now_s = turns(*slots)
    return round(made.wait_s(now_s) / (GAP_COMMITS * COMMIT_S))


@pytest.mark.parametrize("slots", [(), ("me",), ("me", "me", "me")])
def test_a_writer_alone_takes_no_turns(slots: tuple[str, ...]) -> None:
    made, now_s = turns(*slots)
    assert not made.is_shared(now_s)


@pytest.mark.parametrize(
    ("slots", "waits_for"),
    [
        (("a", "me"), 1),
        (("a", "b", "me"), 2),
        (("a", "b", "c", "me"), 3),
        (("a", "b", "me", "a"), 1),
        (("a", "b", "me", "a", "b"), 0),
        (("a", "b", "me", "a", "b", "a"), 0),
    ],
)
def test_whoever_had_a_slot_lets_each_other_writer_go_first(
    slots: tuple[str, ...], waits_for: int
) -> None:
    made, now_s = turns(*slots)
    assert made.is_shared(now_s)
    assert in_front(*slots) == waits_for


def test_sixteen_writers_all_count() -> None:
    writers = [f"w{number}" for number in range(15)]
    assert in_front(*islice(cycle([*writers, "me"]), 64)) == 15


def test_the_wait_passes_with_time() -> None:
    made, now_s = turns("a", "me")
    assert made.wait_s(now_s + GAP_COMMITS * COMMIT_S) == pytest.approx(0.0)
    assert made.wait_s(now_s + 1.0) < 0


def test_a_writer_that_has_stopped_is_forgotten_after_a_few_slots_of_ours() -> None:
    assert turns("a", *["me"] * SLOTS_A_WRITER)[0].is_shared(0.1)
    assert not turns("a", *["me"] * (SLOTS_A_WRITER + 1))[0].is_shared(0.1)


def test_and_after_a_while() -> None:
    made, now_s = turns("a")
    assert made.is_shared(now_s + FORGOTTEN_S)
    assert not made.is_shared(now_s + FORGOTTEN_S + 0.001)


def test_a_while_is_longer_where_commits_are_slow() -> None:
    made = Turns("me")
    made.record_commit(1.0)
    made.record_slot("a", 0.0)
    assert made.is_shared(FORGOTTEN_COMMITS * 1.0)
    assert not made.is_shared(FORGOTTEN_COMMITS * 1.0 + 0.001)


def test_the_length_of_a_commit_follows_those_that_were_made() -> None:
    made = Turns("me")
    made.record_commit(1.0)
    made.record_commit(2.0)
    made.record_slot("a", 0.0)
    made.record_slot("me", 0.0)
    assert made.wait_s(0.0) == pytest.approx(GAP_COMMITS * 1.2)


def test_the_journal_is_read_more_often_when_it_is_nearly_our_turn() -> None:
    near, far = turns("a", "b", "me", "a"), turns("a", "b", "me")
    assert near[0].poll_s(near[1]) == pytest.approx(0.1 * COMMIT_S)
    assert far[0].poll_s(far[1]) == pytest.approx(0.6 * COMMIT_S)


def test_before_a_first_commit_nothing_is_waited_for() -> None:
    made = Turns("me")
    made.record_slot("a", 1.0)
    assert made.is_shared(1.0)
    assert made.wait_s(1.0) == 0.0


def test_a_commit_that_met_an_outage_makes_nobody_wait_past_a_deadline() -> None:
    """Otherwise all changes are refused long after the store is well again."""
    taken, now_s = turns("me", "a", "b", "c", "me")
    taken.record_commit(300.0)
    assert taken.wait_s(now_s) < CommitLimits().deadline_s


@pytest.mark.parametrize(
    ("slots", "unreachable", "after_s", "leader"),
    [
        ((), (), 0.0, None),
        (("a", "a"), (), 0.0, "a"),
        (("a", "a"), ("a",), 0.0, None),
        (("a", "a"), (), 10 * FORGOTTEN_S, None),
        (("a", "b", "b"), (), 0.0, "b"),
        (("b", "a"), (), 0.0, "a"),
        (("a", "b", "b"), ("b",), 0.0, "a"),
        (("a", *["b"] * REMEMBERED_SLOTS), ("b",), 0.0, None),
    ],
)
def test_the_leader_had_most_of_the_recent_slots(
    slots: tuple[str, ...], unreachable: tuple[str, ...], after_s: float, leader: str | None
) -> None:
    made, now_s = turns(*slots)
    assert made.leader(now_s + after_s, unreachable) == leader
