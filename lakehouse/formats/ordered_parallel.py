"""Work in parallel on many items whose results come in order, and making items one ahead of use.

Callers see no trace of threads. It knows nothing of files.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def ordered_parallel_map(
    pool: Executor, work: Callable[[A], B], items: Iterable[A], ahead: int
) -> Iterator[B]:
    """`work` of each item, in their order, at most `ahead` of them running or waiting.

    A single item is worked on in the caller's thread: a small file is not worth another one. What
    waits is cancelled when one fails or the caller stops early.
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
