"""Relations at moments that statements name, once these cannot change any more. Pure.

`workers@5` is fixed: an event's number never changes its meaning. A time is fixed as soon as there is a
later event, since slots go forward in time; before that, an event may still be added in between.
"""

from collections import OrderedDict

import msgspec

from projections.catalog import Dataset
from projections.fold import State

_REMEMBERED = 256


class FixedRelation(msgspec.Struct, frozen=True):
    """A relation at its moment: the event that had last changed it, and the blobs that hold it."""

    seq: int
    blobs: tuple[str, ...] = ()


class FixedRelations:
    """The last ones that were used, by the names of `query.relations`."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, FixedRelation] = OrderedDict()

    def get(self, relation: str) -> FixedRelation | None:
        """The relation at its moment; None where that is not known, or may change."""
        return self._known.get(relation)

    def note(
        self, relation: str, moment: str, then: State, now: State, dataset: Dataset | None
    ) -> None:
        """Store what the state `then` has; `dataset` is None for a system view."""
        if not moment.isdigit() and then.head.seq >= now.head.seq:
            return
        if dataset is None:
            fixed = FixedRelation(then.head.seq)
        else:
            fixed = FixedRelation(dataset.seq, tuple(item.blob for item in dataset.objects))
        self._known[relation] = fixed
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
