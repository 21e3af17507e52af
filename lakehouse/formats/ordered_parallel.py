"""Work in parallel on many items whose results come in order, and making items one ahead of use.

Callers see no trace of threads. It knows nothing of files.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, islice
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


class ByteBudget:
    """Bytes that may be held by all who share the budget. Thread-safe; nobody ever waits for some."""

    def __init__(self, size_bytes: int) -> None:
        self._left = size_bytes
        self._lock = threading.Lock()

    def take(self, size_bytes: int, leaving: int = 0) -> bool:
        """Take so many bytes, if as many are left and `leaving` more."""
        with self._lock:
            if size_bytes + leaving > self._left:
                return False
            self._left -= size_bytes
            return True

    def give_back(self, size_bytes: int) -> None:
        """Return bytes that were taken."""
        with self._lock:
            self._left += size_bytes

    @contextmanager
    def share(self, most_bytes: int, leaving: int) -> Iterator["BudgetShare"]:
        """Bytes of one user, at most `most_bytes`, all returned when the context ends.

        They are taken only while `leaving` more are left, for others.
        """
        share = BudgetShare(self, most_bytes, leaving)
        try:
            yield share
        finally:
            share.give_back(share.taken)


class BudgetShare:
    """What one user has taken of a budget. For one thread at a time."""

    def __init__(self, budget: ByteBudget, most_bytes: int, leaving: int) -> None:
        self.taken = 0
        self._budget = budget
        self._most_bytes = most_bytes
        self._leaving = leaving

    def take(self, size_bytes: int) -> bool:
        """Take so many bytes, if the share and the budget have as many left."""
        within = self.taken + size_bytes <= self._most_bytes
        if not within or not self._budget.take(size_bytes, self._leaving):
            return False
        self.taken += size_bytes
        return True

    def give_back(self, size_bytes: int) -> None:
        """Return bytes that were taken."""
        self.taken -= size_bytes
        self._budget.give_back(size_bytes)


def ordered_parallel_map(
    pool: Executor,
    work: Callable[[A], B],
    items: Iterable[A],
    ahead: int,
    budget: ByteBudget,
    size_bytes: Callable[[A], int],
) -> Iterator[B]:
    """`work` of each item, in their order, at most `ahead` of them running or waiting.

    The item whose result is next is always worked on; those after it only while `budget` has their
    `size_bytes` left. A single item is worked on in the caller's thread: a small file is not worth
    another one. What waits is cancelled when one fails or the caller stops early.
    """
    left = iter(items)
    first = list(islice(left, 2))
    if len(first) == 1:
        yield work(first[0])
        return
    waiting: deque[tuple[Future[B], int]] = deque()

    def oldest() -> B:
        future, taken = waiting.popleft()
        try:
            return future.result()
        finally:
            budget.give_back(taken)

    try:
        for item in chain(first, left):
            size = size_bytes(item)
            while waiting and not budget.take(size):
                yield oldest()
            waiting.append((pool.submit(work, item), size if waiting else 0))
            if len(waiting) > ahead:
                yield oldest()
        while waiting:
            yield oldest()
    finally:
        for future, taken in waiting:
            future.cancel()
            budget.give_back(taken)


def prefetch_one(items: Iterator[A], is_worthwhile: Callable[[A], bool]) -> Iterator[A]:
    """`items`, of which the next is made in a thread while one is in use.

    There is no thread where `is_worthwhile` is false of the first. An item is never None.
    """
    item = next(items, None)
    if item is None or not is_worthwhile(item):
        yield from chain([item] if item is not None else [], items)
        return
    with ThreadPoolExecutor(1) as thread:
        while item is not None:
            coming = thread.submit(next, items, None)
            yield item
            item = coming.result()
