"""Work in parallel on many items whose results come in order, and making items one ahead of use.

Callers see no trace of threads. It knows nothing of files.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


class ByteBudget:
    """Bytes that may be worked on ahead of use, by all who share the budget. Thread-safe."""

    def __init__(self, size_bytes: int) -> None:
        self._left = size_bytes
        self._lock = threading.Lock()

    def take(self, size_bytes: int) -> bool:
        """Take so many bytes, if as many are left. Never waits."""
        with self._lock:
            if size_bytes > self._left:
                return False
            self._left -= size_bytes
            return True

    def give_back(self, size_bytes: int) -> None:
        """Return bytes that were taken."""
        with self._lock:
            self._left += size_bytes


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
