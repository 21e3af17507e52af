"""Maps the rows of an object to rows of the objects that compactions replaced. Pure.

A compaction keeps rows and their order, so that a range of rows leads to ranges of rows.
"""

from collections.abc import Iterable

from journal.events import Object, Replacement, RowRange

Rows = tuple[RowRange, ...]
"""Rows of some objects, one range after the other."""


def whole(items: Iterable[Object]) -> dict[str, Rows]:
    """All rows of each of these objects whose number is known."""
    return {
        item.blob: (RowRange(item.blob, 0, item.row_count),)
        for item in items
        if item.row_count is not None
    }


def traced(rows: Rows, made: Replacement) -> Rows:
    """The same rows in the objects that a compaction replaced; rows of other objects stay as they are."""
    starts = dict[str, int]()
    position = 0
    for item in made.by:
        starts[item.blob] = position
        position += item.row_count or 0
    found: list[RowRange] = []
    for each in rows:
        start = starts.get(each.blob)
        if start is None:
            found.append(each)
        else:
            found += _within(made, start + each.start, start + each.stop)
    return tuple(found)


def cut(rows: Rows, start: int, stop: int) -> Rows:
    """The rows from `start`, counted from 0 in all ranges together, up to and without `stop`."""
    found: list[RowRange] = []
    position = 0
    for each in rows:
        size = each.stop - each.start
        first, last = max(start - position, 0), min(stop - position, size)
        if first < last:
            found.append(RowRange(each.blob, each.start + first, each.start + last))
        position += size
    return tuple(found)


def _within(made: Replacement, start: int, stop: int) -> Rows:
    """These rows of the written objects, counted through all of them, as rows of the replaced ones."""
    all_rows = (RowRange(blob, 0, count) for blob, count in zip(made.blobs, made.rows, strict=True))
    return cut(tuple(all_rows), start, stop)
