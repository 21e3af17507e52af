"""Which objects were written from which, so that rows can be compared across rewrites. Pure.

Owns the fold of `replaced` into the inventory's `rewrites`, and into a dataset's objects. Must never
decide what a comparison means.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from journal.events import DatasetRewritten, Object
from projections.moment import Moment
from projections.overlay import Overlay

_PASSES = 8
"""Over all rewrites, forth and back, until no number changes."""


class Rewrite(msgspec.Struct, frozen=True, gc=False):
    """How an object came to be: event `seq` wrote it, perhaps with others, from the blobs `of`.

    `rows_added` of the rows of all objects so written are new, `rows_removed` of those of `of` are
    gone.
    """

    seq: int
    of: tuple[str, ...]
    rows_added: int
    rows_removed: int


def apply(
    rewrites: Overlay[str, Rewrite],
    data: DatasetRewritten,
    held: Mapping[str, str],
    moment: Moment,
) -> None:
    """Fold one rewrite. `held`: blob names as the state holds them already, each by itself."""
    for each in data.replaced:
        of = tuple(held.get(blob, blob) for blob in each.blobs)
        rewrite = Rewrite(moment.seq, of, each.rows_added, each.rows_removed)
        for item in each.by:
            rewrites.put(item.blob, rewrite)


def objects_after(objects: tuple[Object, ...], data: DatasetRewritten) -> tuple[Object, ...]:
    """A dataset's `objects` with successors in the place of what was replaced, then what was added."""
    successors = {each.blobs[0]: each.by for each in data.replaced}
    gone = {blob for each in data.replaced for blob in each.blobs}
    found: list[Object] = []
    for item in objects:
        if item.blob in successors:
            found += successors[item.blob]
        elif item.blob not in gone:
            found.append(item)
    return (*found, *data.added)


def erase(
    rewrites: Overlay[str, Rewrite],
    successors: Mapping[str, str | None],
    rows: Mapping[str, int],
    is_stored: Callable[[str], bool],
) -> None:
    """Relate successors as the blobs were whose place they take; of each, `rows` were erased.

    A row that was changed and is in both objects still counts as changed: which row became which is
    not known. Of blobs that were collected before, nothing says how many rows would have been erased:
    they count as having had the fewest that fit what was erased of the blobs before and after.
    """
    written: dict[Rewrite, list[str]] = {}
    for blob, rewrite in rewrites.items():
        written.setdefault(rewrite, []).append(blob)
    gone = _gone(written, rows, is_stored)
    for rewrite, blobs in written.items():
        if not any(blob in gone for blob in (*rewrite.of, *blobs)):
            continue
        now = _erased(rewrite, blobs, successors, gone)
        for blob in blobs:
            rewrites.drop(blob)
            last = successors.get(blob, blob)
            if last is not None and now.of:  # without origins all its rows came as a whole
                rewrites.put(last, now)


def _gone(
    written: Mapping[Rewrite, list[str]],
    rows: Mapping[str, int],
    is_stored: Callable[[str], bool],
) -> dict[str, int]:
    """How many rows of each blob were erased, or would have been if it had not been collected."""
    gone = dict(rows)
    by_age = sorted(written.items(), key=lambda each: (each[0].seq, each[0].of))

    def move(blobs: Sequence[str], least: int, most: int) -> None:
        """Let the sum of these blobs be in the range: more or less of the one that was collected."""
        blob = next((each for each in blobs if each not in rows and not is_stored(each)), None)
        if blob is not None:
            total = _sum(blobs, gone)
            wanted = max(gone.get(blob, 0) + min(max(total, least), most) - total, 0)
            if wanted or blob in gone:
                gone[blob] = wanted

    for rewrite, blobs in by_age:
        move(blobs, _sum(rewrite.of, gone), _sum(rewrite.of, gone))
    for _ in range(_PASSES):
        before = dict(gone)
        for rewrite, blobs in reversed(by_age):
            total = _sum(blobs, gone)
            move(rewrite.of, total - rewrite.rows_added, total + rewrite.rows_removed)
        for rewrite, blobs in by_age:
            total = _sum(rewrite.of, gone)
            move(blobs, total - rewrite.rows_removed, total + rewrite.rows_added)
        if gone == before:
            break
    return gone


def _sum(blobs: Iterable[str], gone: Mapping[str, int]) -> int:
    return sum(gone.get(blob, 0) for blob in blobs)


def _erased(
    rewrite: Rewrite,
    blobs: list[str],
    successors: Mapping[str, str | None],
    gone: Mapping[str, int],
) -> Rewrite:
    before = (successors.get(blob, blob) for blob in rewrite.of)
    less = _sum(rewrite.of, gone) - _sum(blobs, gone)
    return Rewrite(
        rewrite.seq,
        tuple(blob for blob in before if blob is not None),
        max(rewrite.rows_added - max(-less, 0), 0),
        max(rewrite.rows_removed - max(less, 0), 0),
    )


def plain(objects: tuple[Object, ...]) -> tuple[Object, ...]:
    """`objects` without their block hashes, which the inventory stores once for each blob."""
    if not any(item.block_hashes for item in objects):
        return objects
    return tuple(msgspec.structs.replace(item, block_hashes="") for item in objects)
