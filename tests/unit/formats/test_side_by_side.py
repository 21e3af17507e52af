"""Work side by side: its results come in order, and it ends when one of them fails."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from threading import Event, Thread, active_count

import pytest

from lakehouse.formats.ordered_parallel import ByteBudget, ordered_parallel_map, prefetch_one


def mapped(
    pool: Executor,
    work: Callable[[int], int],
    items: Iterable[int],
    ahead: int,
    budget: ByteBudget | None = None,
) -> Iterator[int]:
    """The map over items of one byte each."""
    budget = budget or ByteBudget(1000)
    return ordered_parallel_map(pool, work, items, ahead, budget, lambda _: 1)


def test_results_come_in_the_order_of_the_items() -> None:
    first_may_end = Event()

    def work(item: int) -> int:
        if item == 0:
            first_may_end.wait(60)
        if item == 1:
            first_may_end.set()
        return item * 10

    with ThreadPoolExecutor(2) as pool:
        assert list(mapped(pool, work, range(5), 2)) == [0, 10, 20, 30, 40]


def test_one_item_alone_needs_no_thread() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.shutdown()
        assert list(mapped(pool, lambda item: item * 10, [1], 2)) == [10]
        assert list(mapped(pool, lambda item: item, [], 2)) == []


def test_no_more_items_are_taken_than_may_wait() -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    with ThreadPoolExecutor(2) as pool:
        results = mapped(pool, lambda item: item, items(), 3)
        next(results)
        assert len(taken) == 4


@pytest.mark.parametrize(("left_bytes", "ahead"), [(0, 1), (1, 2), (2, 3), (9, 4)])
def test_items_after_the_next_are_worked_on_within_the_budget(left_bytes: int, ahead: int) -> None:
    started, may_end, budget = [], Event(), ByteBudget(left_bytes)

    def work(item: int) -> int:
        started.append(item)
        may_end.wait(60)
        return item

    with ThreadPoolExecutor(8) as pool:
        results = mapped(pool, work, iter(range(6)), 3, budget)
        asked = Thread(target=next, args=(results,))
        asked.start()
        while len(started) < ahead:
            asked.join(0.001)
        may_end.set()
        asked.join()
        assert len(started) == ahead
        assert list(results) == [1, 2, 3, 4, 5]
    assert budget.take(left_bytes)
    assert not budget.take(1)


def test_two_maps_share_a_budget_and_neither_waits_for_the_other() -> None:
    budget = ByteBudget(1)
    with ThreadPoolExecutor(2) as pool:
        first, second = (mapped(pool, lambda item: item, range(9), 3, budget) for _ in range(2))
        assert next(first) == 0
        assert list(second) == list(range(9))
        assert list(first) == list(range(1, 9))
    assert budget.take(1)


@pytest.mark.parametrize("failing", [0, 1, 9], ids=["next", "ahead", "none, but left early"])
def test_the_budget_is_given_back_however_it_ends(failing: int) -> None:
    def work(item: int) -> int:
        if item == failing:
            raise ValueError(item)
        return item

    budget = ByteBudget(3)
    with ThreadPoolExecutor(2) as pool, suppress(ValueError):
        results = mapped(pool, work, range(8), 3, budget)
        next(results)
        next(results)
        results.close()  # type: ignore[attr-defined]
    assert budget.take(3)


def test_a_failure_comes_in_its_turn_and_cancels_what_waits() -> None:
    done = []

    def work(item: int) -> int:
        if item == 1:
            raise ValueError(item)
        done.append(item)
        return item

    with ThreadPoolExecutor(1) as pool:
        results = mapped(pool, work, range(50), 4)
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
    assert second_is_made.wait(60)
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
