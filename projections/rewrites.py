"""Which objects were written from which, so that rows can be compared across rewrites. Pure.

Owns the fold of `replaced` into the inventory's `rewrites`, and into a dataset's objects. Must never
decide what a comparison means.
"""

from collections.abc import Mapping

import msgspec

from journal.events import DatasetRewritten, Object
from projections.moment import Moment
from projections.overlay import Overlay


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
) -> None:
    """Relate successors as the blobs were whose place they take; of each, `rows` were erased.

    A row that was changed and is in both objects still counts as changed: which row became which is
    not known.
    """
    written: dict[Rewrite, list[str]] = {}
    for blob, rewrite in rewrites.items():
        written.setdefault(rewrite, []).append(blob)
    for rewrite, blobs in written.items():
        if not any(blob in successors for blob in (*rewrite.of, *blobs)):
            continue
        now = _erased(rewrite, blobs, successors, rows)
        for blob in blobs:
            rewrites.drop(blob)
            last = successors.get(blob, blob)
            if last is not None:
                rewrites.put(last, now)


def _erased(
    rewrite: Rewrite,
    blobs: list[str],
    successors: Mapping[str, str | None],
    rows: Mapping[str, int],
) -> Rewrite:
    before = (successors.get(blob, blob) for blob in rewrite.of)
    less = sum(rows.get(blob, 0) for blob in rewrite.of)
    less -= sum(rows.get(blob, 0) for blob in blobs)
    return Rewrite(
        rewrite.seq,
        tuple(blob for blob in before if blob is not None),
        max(rewrite.rows_added - max(-less, 0), 0),
        max(rewrite.rows_removed - max(less, 0), 0),
    )
