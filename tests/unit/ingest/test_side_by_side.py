"""Work side by side: its results come in order, and it ends when one of them fails."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from lakehouse.ingest.side_by_side import in_order


def test_results_come_in_the_order_of_the_items() -> None:
    first_may_end = Event()

    def work(item: int) -> int:
        if item == 0:
            first_may_end.wait(10)
        if item == 1:
            first_may_end.set()
        return item * 10

    with ThreadPoolExecutor(2) as pool:
        assert list(in_order(pool, work, range(5), 2)) == [0, 10, 20, 30, 40]


def test_no_more_items_are_taken_than_may_wait() -> None:
    taken = []

    def items() -> "object":
        for item in range(100):
            taken.append(item)
            yield item

    with ThreadPoolExecutor(2) as pool:
        results = in_order(pool, lambda item: item, items(), 3)  # type: ignore[arg-type]
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
        results = in_order(pool, work, range(50), 4)
        assert next(results) == 0
        with pytest.raises(ValueError, match="1"):
            next(results)
    assert len(done) < 6
