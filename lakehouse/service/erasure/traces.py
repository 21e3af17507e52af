"""Copies of erased rows inside a process: cached blocks and results, footers in its workers. Owns their
removal: when the process reads an erasure or the collection of its blobs, and when it starts. Must
never wait for another process: each does this for itself.
"""

from collections.abc import Callable, Iterator

from journal.event_parts import changes_of
from journal.events import ObjectsCollected, RowsErased
from journal.slot import Slot
from lakehouse.commit.node import Node
from lakehouse.query.engine import QueryEngine
from lakehouse.service.objects import VerifiedObjects


class Traces:
    """The traces of erased rows in one process. Follows the journal while the process runs."""

    def __init__(
        self,
        node: Node,
        objects: VerifiedObjects,
        engine: QueryEngine,
        forget_results: Callable[[], None],
    ) -> None:
        self._objects = objects
        self._engine = engine
        self._forget_results = forget_results
        now = node.state.inventory
        self._awaited = {blob for blob in now.erased if blob in now.marked}
        """Replaced blobs that are not collected: a query on an older state may still read them."""
        # The cache is on disk: this process may not have been running when these were erased or collected.
        objects.reader.drop([*now.erased, *now.marked, *now.gone])
        node.follower.listeners.append(self._note)

    def _note(self, slot: Slot) -> None:
        """Remove what the process keeps, and once more when no query can read the blobs any more."""
        erased, collected = set(_erased(slot)), set(_collected(slot))
        if erased:
            self._forget_results()
            self._objects.reader.drop(erased)
            self._awaited |= erased
        if self._awaited & collected:
            self._objects.drop_collected()
        if erased or self._awaited & collected:
            self._engine.renew()
        self._awaited -= collected


def _erased(slot: Slot) -> Iterator[str]:
    for event in slot.events:
        for change in changes_of(event.data):
            if isinstance(change, RowsErased):
                yield from (each.blob for each in change.replaced)


def _collected(slot: Slot) -> Iterator[str]:
    for event in slot.events:
        if isinstance(event.data, ObjectsCollected):
            yield from event.data.blobs
