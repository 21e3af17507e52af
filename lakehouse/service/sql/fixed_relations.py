"""Relations as of the moments that statements name, once these cannot change any more. Pure.

`workers@5` is fixed: the state after an event never changes. A time is fixed as soon as a later event
exists, since the times of slots increase; before that, an event may still be added in between. Must
never store a relation that can still change.
"""

from collections import OrderedDict

import msgspec

from projections.catalog import Dataset
from projections.fold import State

_MAX_RELATIONS = 256


class FixedRelation(msgspec.Struct, frozen=True):
    """A relation as of its moment: the event that changed it last, and the blobs of its objects.

    `erased`: the erasure that changed it last, 0 for none.
    """

    seq: int
    erased: int = 0
    blobs: tuple[str, ...] = ()

    @property
    def version(self) -> int | tuple[int, int]:
        """What identifies the content of the relation."""
        return (self.seq, self.erased) if self.erased else self.seq


def fixed(state: State, dataset: Dataset | None) -> FixedRelation:
    """A dataset of a state, or for None a system view of it."""
    if dataset is None:
        return FixedRelation(state.head.seq, state.inventory.erased_at)
    blobs = tuple(item.blob for item in dataset.objects)
    return FixedRelation(dataset.seq, dataset.erased, blobs)


class FixedRelations:
    """The relations stored last, by their names of `query.relations`."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, FixedRelation] = OrderedDict()

    def get(self, relation: str) -> FixedRelation | None:
        """The relation as of its moment; None if it is not stored or may still change."""
        return self._known.get(relation)

    def note(
        self, relation: str, moment: str, then: State, now: State, dataset: Dataset | None
    ) -> None:
        """Store what the state `then` has; `dataset` is None for a system view."""
        if not moment.isdigit() and then.head.seq >= now.head.seq:
            return
        self._known[relation] = fixed(then, dataset)
        while len(self._known) > _MAX_RELATIONS:
            self._known.popitem(last=False)

    def clear(self) -> None:
        """Forget all of them: an erasure has changed earlier moments."""
        self._known.clear()
