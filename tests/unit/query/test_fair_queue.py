"""In which order principals get workers: the queue, by equality."""

import pytest

from lakehouse.query.waiting.fair_queue import FairQueue, Queued, QueueFull, Share, Started


@pytest.fixture
def crowded() -> FairQueue:
    """Two places: `crowd` holds both, and three of its tickets wait."""
    queue = FairQueue(size=2, most_waiting=4)
    arrivals = [queue.arrive("crowd", ticket) for ticket in range(1, 6)]
    assert arrivals == [Started(), Started(), Queued(), Queued(), Queued()]
    return queue


def test_one_principal_is_served_in_order_of_arrival(crowded: FairQueue) -> None:
    crowd = {"crowd": Share(2, [3, 4, 5], served=2)}
    assert crowded == FairQueue(2, 4, crowd, places=2, running=2, waiting=3)
    assert [crowded.finish("crowd") for _ in range(5)] == [[3], [4], [5], [], []]
    assert crowded == FairQueue(2, 4, {}, places=5)


def test_a_principal_without_a_query_need_not_wait_for_a_crowd(crowded: FairQueue) -> None:
    assert crowded.arrive("ana", 6) == Started()
    assert crowded.shares["ana"] == Share(1, [], served=3)
    assert crowded.arrive("ana", 7) == Queued(), "the place beyond the others is for one query"
    assert crowded.finish("ana") == [7]


def test_the_place_beyond_the_others_is_never_the_crowd_s(crowded: FairQueue) -> None:
    assert crowded.arrive("ana", 6) == Started()
    assert crowded.finish("ana") == []
    assert crowded.shares == {"crowd": Share(2, [3, 4, 5], served=2)}


def test_who_has_the_fewest_running_is_next(crowded: FairQueue) -> None:
    assert crowded.arrive("ana", 6) == Started()
    assert crowded.arrive("bob", 7) == Queued()
    assert crowded.arrive("ana", 8) == Queued(evicted=5)
    assert crowded.finish("crowd") == [7], "bob has none"
    assert crowded.finish("bob") == [], "two run, and both who wait have one of them"
    assert crowded.finish("ana") == [8], "ana has none now, and the crowd has one"


def test_among_equals_who_was_served_least_recently_is_next() -> None:
    queue = FairQueue(size=1, most_waiting=9)
    assert queue.arrive("busy", 0) == Started()
    assert queue.arrive("guest", 1) == Started()
    order = {"a": [10, 11], "b": [20], "c": [30]}
    for principal, tickets in order.items():
        for ticket in tickets:
            assert queue.arrive(principal, ticket) == Queued()
    assert queue.finish("busy") == [10]
    assert queue.finish("guest") == [20]
    assert queue.finish("a") == [30], "a had its turn"
    assert queue.finish("b") == [11]


def test_a_full_queue_takes_from_the_longest(crowded: FairQueue) -> None:
    crowded.arrive("ana", 6)
    assert crowded.arrive("ana", 7) == Queued()
    assert crowded.arrive("crowd", 8) == QueueFull(), "nobody has more waiting"
    assert crowded.arrive("ana", 9) == Queued(evicted=5)
    assert crowded.arrive("bob", 10) == Queued(evicted=4)
    assert crowded.arrive("bob", 11) == QueueFull(), "ana has as many"
    assert {name: share.waiting for name, share in crowded.shares.items()} == {
        "crowd": [3],
        "ana": [7, 9],
        "bob": [10],
    }
    assert crowded.waiting == 4


def test_who_gives_up_is_forgotten(crowded: FairQueue) -> None:
    crowded.arrive("ana", 6)
    crowded.arrive("bob", 7)
    assert crowded.waits("bob") and crowded.others_wait("ana") and crowded.waits("crowd")
    crowded.leave("bob", 7)
    assert not crowded.waits("bob") and not crowded.waits("ana")
    assert "bob" not in crowded.shares
    assert not crowded.others_wait("crowd")
