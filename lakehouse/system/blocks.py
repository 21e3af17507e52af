"""The blocks of slots that share one file of events. Pure.

Whole blocks have fixed positions and never change, so a growing journal costs only its end.
"""

from collections.abc import Iterator

import msgspec

SIZES = (1_024, 256, 64)
"""The sizes of blocks in slots. The largest is a pack's, so that one request reads it."""


class Block(msgspec.Struct, frozen=True):
    """Slots `first` to `last`."""

    first: int
    last: int


def blocks(first: int, last: int) -> Iterator[Block]:
    """The blocks that hold slots `first` to `last`: whole ones where they lie, then the rest.

    The first may begin before `first`; the last ends with `last`, whole or not.
    """
    position = first
    while position <= last:
        block = _whole(position, last) or Block(_start(position, SIZES[-1]), last)
        yield block
        position = block.last + 1


def _whole(position: int, last: int) -> Block | None:
    for size in SIZES:
        start = _start(position, size)
        if start + size - 1 <= last:
            return Block(start, start + size - 1)
    return None


def _start(position: int, size: int) -> int:
    return (position - 1) // size * size + 1
