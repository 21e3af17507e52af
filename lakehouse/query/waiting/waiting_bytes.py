"""Which waiting statements lose their place, so that all texts that wait fit one budget of bytes. Pure.

Owns the choice alone: whoever has the most bytes waiting loses its newest statement first, as in the fair
queue. Must never know what a statement says.
"""

import sys
from collections.abc import Iterable
from typing import Any

import msgspec

MAX_WAITING_BYTES = 32 * 1024 * 1024
"""Of the statements that wait in one process, with their parameters, together."""


class Waiting(msgspec.Struct, frozen=True):
    """A statement that waits. A later one has a higher number."""

    number: int
    principal: str
    size_bytes: int


def memory_of(sql: str, params: list[Any] | dict[str, Any] | None) -> int:
    """The bytes that a statement and the values of its parameters take in memory."""
    values = params.values() if isinstance(params, dict) else params or ()
    return sys.getsizeof(sql) + sum(map(_size_bytes, values))


def evicted(
    waiting: Iterable[Waiting], arriving: Waiting, max_bytes: int = MAX_WAITING_BYTES
) -> list[int] | None:
    """The numbers of those that leave so that `arriving` may wait; None: it has to leave itself.

    It leaves where no other principal has more bytes waiting than its own would have with it.
    """
    by_principal: dict[str, list[Waiting]] = {arriving.principal: []}
    for each in waiting:
        by_principal.setdefault(each.principal, []).append(each)
    sizes = {name: sum(each.size_bytes for each in held) for name, held in by_principal.items()}
    own_bytes = sizes[arriving.principal] = sizes[arriving.principal] + arriving.size_bytes
    leaving: list[int] = []
    while sum(sizes.values()) > max_bytes:
        largest = max(sizes, key=sizes.__getitem__)
        if sizes[largest] <= own_bytes:
            return None
        newest = max(by_principal[largest], key=lambda each: each.number)
        by_principal[largest].remove(newest)
        sizes[largest] -= newest.size_bytes
        leaving.append(newest.number)
    return leaving


def _size_bytes(value: Any) -> int:
    if isinstance(value, dict):
        return sys.getsizeof(value) + sum(map(sys.getsizeof, value.values()))
    if isinstance(value, list):
        return sys.getsizeof(value) + sum(map(sys.getsizeof, value))
    return sys.getsizeof(value)
