"""Work side by side: its results come in order, and it ends when one of them fails."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, active_count

import pytest

from lakehouse.formats.ordered_parallel import ordered_parallel_map, prefetch_one


def test_results_come_in_the_order_of_the_items() -> None:
    first_may_end = Event()

    def work(item: int) -> int:
        if item == 0:
            first_may_end.wait(10)
        if item == 1:
            first_may_end.set()
        return item * 10

    with ThreadPoolExecutor(2) as pool:
        assert list(ordered_parallel_map(pool, work, range(5), 2)) == [0, 10, 20, 30, 40]


def test_one_item_alone_needs_no_thread() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.shutdown()
        assert list(ordered_parallel_map(pool, lambda item: item * 10, [1], 2)) == [10]
        assert list(ordered_parallel_map(pool, lambda item: item, [], 2)) == []


def test_no_more_items_are_taken_than_may_wait() -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    with ThreadPoolExecutor(2) as pool:
        results = ordered_parallel_map(pool, lambda item: item, items(), 3)
        next(results)
        assert len(taken) == 4


def test_a_failure_comes_in_its_turn_and_cancels_what_waits() -> None:
    done = []

    def work(item: int) -> int:
        if item == 1:
            raise ValueError(item)
        done.append(item)
        return item

    with ThreadPoolExecutor(1) as pool:
        results = ordered_parallel_map(pool, work, range(50), 4)
        assert next(results) == 0
        with pytest.raises(ValueError, match="1"):
            next(results)
    assert len(done) < 6


def test_the_next_is_made_while_one_is_used() -> None:
    second_is_made = Event()

    def items() -> Iterator[int]:
        yield 1
        second_is_made.set()
        yield 2

    results = prefetch_one(items(), lambda _: True)
    assert next(results) == 1
    assert second_is_made.wait(10)
    assert list(results) == [2]


def test_without_worth_nothing_is_made_ahead() -> None:
    made = []

    def items() -> Iterator[int]:
        for item in range(3):
            made.append(item)
            yield item

    results = prefetch_one(items(), lambda _: False)
    assert (next(results), made) == (0, [0])
    assert list(results) == [1, 2]
    assert list(prefetch_one(iter(()), lambda _: True)) == []


def test_a_failure_in_the_making_comes_after_what_was_made() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("made badly")

    results = prefetch_one(items(), lambda _: True)
    assert next(results) == 1
    with pytest.raises(ValueError, match="made badly"):
        next(results)


def test_whoever_goes_away_leaves_no_thread_behind() -> None:
    before = active_count()
    results = prefetch_one(iter(range(100)), lambda _: True)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert active_count() == before
