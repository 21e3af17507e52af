"""Which objects were written from which, so that rows can be compared across rewrites. Pure.

Owns the fold of `replaced` into the inventory's `rewrites`. Must never decide what a comparison means.
"""

import msgspec

from journal.events import DatasetRewritten
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


def apply(rewrites: Overlay[str, Rewrite], data: DatasetRewritten, moment: Moment) -> None:
    """Fold one rewrite."""
    for each in data.replaced:
        rewrite = Rewrite(moment.seq, each.blobs, each.rows_added, each.rows_removed)
        for item in each.by:
            rewrites.put(item.blob, rewrite)
