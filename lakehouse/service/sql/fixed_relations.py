"""What relations were at moments that statements name, once that cannot change any more. Pure.

History does not change: what `workers@5` was is said by an event's number. A time says it too as soon as
a later event has come, since slots go forward in time; before that, one might still come in between.
"""

from collections import OrderedDict

import msgspec

from projections.catalog import Dataset
from projections.fold import State

_REMEMBERED = 256


class FixedRelation(msgspec.Struct, frozen=True):
    """A relation at its moment: which event had last changed it, and the blobs that it lies in."""

    seq: int
    blobs: tuple[str, ...] = ()


class FixedRelations:
    """The last of them that were asked for, by the names of `query.relations`."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, FixedRelation] = OrderedDict()

    def get(self, relation: str) -> FixedRelation | None:
        """What `relation` was; None where that is not known, or may change."""
        return self._known.get(relation)

    def note(
        self, relation: str, moment: str, then: State, now: State, dataset: Dataset | None
    ) -> None:
        """Remember what was found in the state `then`; `dataset` is None for a system view."""
        if not moment.isdigit() and then.head.seq >= now.head.seq:
            return
        if dataset is None:
            fixed = FixedRelation(then.head.seq)
        else:
            fixed = FixedRelation(dataset.seq, tuple(item.blob for item in dataset.objects))
        self._known[relation] = fixed
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
