"""Work side by side: on many items whose results come in order, or on the next while one is used.

Whoever takes them sees no trace of threads. It knows nothing of CSV.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def in_order(pool: Executor, work: Callable[[A], B], items: Iterable[A], ahead: int) -> Iterator[B]:
    """`work` of each item, in their order, at most `ahead` of them under way or waiting.

    One item alone is worked on by the caller: a small file is not worth a thread. What waits is
    cancelled when one fails or the caller goes away.
    """
    left = iter(items)
    first = list(islice(left, 2))
    if len(first) == 1:
        yield work(first[0])
        return
    waiting: deque[Future[B]] = deque()
    try:
        for item in chain(first, left):
            waiting.append(pool.submit(work, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def one_ahead(items: Iterator[A], worth: Callable[[A], bool]) -> Iterator[A]:
    """`items`, of which the next is made in a thread while one is in use.

    Where the first is not `worth` it there is no thread. An item is never None.
    """
    item = next(items, None)
    if item is None or not worth(item):
        yield from chain([item] if item is not None else [], items)
        return
    with ThreadPoolExecutor(1) as thread:
        while item is not None:
            coming = thread.submit(next, items, None)
            yield item
            item = coming.result()
