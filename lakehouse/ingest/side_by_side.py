"""Work on many items side by side whose results come in the items' order.

Whoever takes them sees no trace of threads. It knows nothing of CSV.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def in_order(pool: Executor, work: Callable[[A], B], items: Iterable[A], ahead: int) -> Iterator[B]:
    """`work` of each item, in their order, at most `ahead` of them under way or waiting.

    When one fails or the caller goes away, what is still under way ends before this does.
    """
    waiting: deque[Future[B]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
