"""Chooses which objects of a dataset are merged. Pure.

Owns the choice: runs of adjacent small objects, so that the order of rows stays. Must never open an
object or ask the clock; the same objects give the same groups in every process.
"""

from collections.abc import Iterator, Sequence

import msgspec

MIB = 1 << 20
GROUP_OBJECTS = 4_096
"""The maximum number of objects in a group: their names fit one event, even long ones."""
GROUP_ROWS = 1 << 24
"""The maximum number of rows in a group, so that it is written in minutes, whatever its compression."""
SETTLED_OBJECTS = 16
"""How many small objects a dataset may keep once nobody appends to it any more."""
_FANOUT = 5
"""A fifth of the allowed number of small objects may have about the same size."""


class Candidate(msgspec.Struct, frozen=True):
    """What the planner knows of an object. `is_stale`: it must be rewritten, whatever its size.

    `is_fixed`: it must stay as it is, and separates the objects on both sides of it.
    """

    size_bytes: int
    row_count: int | None
    is_stale: bool = False
    is_fixed: bool = False


def small_objects(objects: Sequence[Candidate], target_bytes: int) -> int:
    """How many objects are small and have a small neighbour, so that compaction can merge them."""
    return sum(len(run) for run in _runs(objects, target_bytes) if len(run) > 1)


def whole_groups(objects: Sequence[Candidate], target_bytes: int) -> tuple[range, ...]:
    """The groups after which no two small objects are adjacent that fit one object of the target size."""
    groups: list[range] = []
    for run in _runs(objects, target_bytes):
        groups += _packed(objects, run, target_bytes)
    large = (
        range(place, place + 1)
        for place, each in enumerate(objects)
        if each.is_stale and not each.is_fixed and not _is_small(each, target_bytes)
    )
    return tuple(sorted((*groups, *large), key=lambda group: group.start))


def tiered_groups(
    objects: Sequence[Candidate], target_bytes: int, allowed: int, left: int
) -> tuple[range, ...]:
    """The groups that leave about `left` small objects and rarely rewrite a row more than once.

    `allowed` is the number of small objects that starts a compaction. Objects of about the same size
    stay until there are `allowed` / 5 of them, as the levels of a log-structured merge tree do: with
    64, each row of 10,000 one-row appends is rewritten less than twice.
    """
    runs = [run for run in _runs(objects, target_bytes) if len(run) > 1]
    total = sum(map(len, runs))
    groups: list[range] = []
    for run in runs:
        share = max(1, left * len(run) // total)
        first = _first_merged(_weights(objects, run), max(2, allowed // _FANOUT), share)
        groups += _packed(objects, run[first:], target_bytes)
    return tuple(groups)


def _runs(objects: Sequence[Candidate], target_bytes: int) -> Iterator[range]:
    """The longest runs of adjacent small objects."""
    start = 0
    for place, each in enumerate(objects):
        if each.is_fixed or not _is_small(each, target_bytes):
            if start < place:
                yield range(start, place)
            start = place + 1
    if start < len(objects):
        yield range(start, len(objects))


def _is_small(each: Candidate, target_bytes: int) -> bool:
    return each.size_bytes <= target_bytes // 2 and (each.row_count or 0) <= GROUP_ROWS // 2


def _packed(objects: Sequence[Candidate], run: range, target_bytes: int) -> Iterator[range]:
    """A run cut into groups within the limits; without those that would change nothing."""
    start, size_bytes, rows = run.start, 0, 0
    for place in run:
        each = objects[place]
        size_bytes, rows = size_bytes + each.size_bytes, rows + (each.row_count or 0)
        full = size_bytes > target_bytes or rows > GROUP_ROWS or place - start == GROUP_OBJECTS
        if full and place > start:
            yield from _useful(objects, range(start, place))
            start, size_bytes, rows = place, each.size_bytes, each.row_count or 0
    yield from _useful(objects, range(start, run.stop))


def _useful(objects: Sequence[Candidate], group: range) -> Iterator[range]:
    if len(group) > 1 or any(objects[place].is_stale for place in group):
        yield group


def _weights(objects: Sequence[Candidate], run: range) -> list[int]:
    """What rewriting each object costs: its rows, or its bytes where rows are not known of all."""
    rows = [objects[place].row_count for place in run]
    known = [each for each in rows if each is not None]
    return known if len(known) == len(rows) else [objects[place].size_bytes for place in run]


def _first_merged(weights: Sequence[int], fanout: int, left: int) -> int:
    """From which object a run is merged to its end, so that at most `left` objects remain.

    The first object that weighs no more than a `fanout`th of what follows it: it is merged when as
    many others of its size are.
    """
    first, following = len(weights) - 1, 0
    for place in reversed(range(len(weights))):
        if weights[place] * fanout <= following:
            first = place
        following += weights[place]
    return min(first, left - 1)
