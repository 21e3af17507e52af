"""The index of the keys of storage as they are now, and of one earlier moment.

Owns when the index is made: at the first read that needs it, and again when following would cost as much.
Must never judge who may see a key.
"""

from journal.event_parts import changes_of
from journal.events import ObjectForgotten, ObjectStored, RowsErased
from journal.slot import Slot
from lakehouse.commit.node import Node
from lakehouse.domain.access.rights import STORAGE
from lakehouse.domain.access.subjects import subjects_of
from projections import catalog
from projections.fold import State
from projections.key_index import KeyIndex

MAX_TOUCHED = 10_000
"""How many names and keys may wait to be looked up; beyond it the index is given up."""


class PresentKeys:
    """One node's index, moved when it is read by what slots have changed since."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._index: KeyIndex | None = None
        self._state: State | None = None
        """What the index is of."""
        self._heard = 0
        """The position of the last slot whose changes are in the sets below."""
        self._names: set[str] = set()
        self._keys: set[str] = set()
        self._past: tuple[State, KeyIndex] | None = None
        """An earlier state that was asked for last: of a page one looks at several parts."""
        node.follower.listeners.append(self._hear)

    def index(self) -> KeyIndex:
        """The index of the node's state. The first one costs the number of all keys."""
        now = self._node.state
        if self._index is None or self._state is None or self._heard != now.head.position:
            self._index = KeyIndex(now.inventory)
        elif self._names or self._keys:
            self._index.move(now.inventory, self._touched(self._state, now))
        self._state, self._heard = now, now.head.position
        self._names, self._keys = set(), set()
        return self._index

    def past(self, state: State) -> KeyIndex:
        """The index of another state. The first one costs the number of all keys."""
        if self._past is None or self._past[0] is not state:
            self._past = state, KeyIndex(state.inventory)
        return self._past[1]

    def _hear(self, slot: Slot) -> None:
        if self._index is None:
            return
        follows = slot.header.position == self._heard + 1
        for change in (change for event in slot.events for change in changes_of(event.data)):
            if isinstance(change, ObjectStored | ObjectForgotten):
                self._keys.add(change.key)
            elif subjects := subjects_of(change):
                self._names.update(each for each in subjects.changed if _is_name(each))
            follows = follows and not isinstance(change, RowsErased)
        self._heard = slot.header.position
        if not follows or len(self._names) + len(self._keys) > MAX_TOUCHED:
            self._index, self._state, self._names, self._keys = None, None, set(), set()

    def _touched(self, was: State, now: State) -> set[str]:
        """Every key that may name something else in `now`."""
        found = set(self._keys)
        for name in self._names:
            # A blob is written once: a key of ingested data that both have is the same.
            found |= _own_keys(was, name) ^ _own_keys(now, name)
        return found


def _is_name(subject: str) -> bool:
    return not subject.startswith(STORAGE)


def _own_keys(state: State, name: str) -> set[str]:
    """The keys that exist because the dataset of this name holds them."""
    dataset = catalog.find(state.catalog, name)
    items = dataset.objects + dataset.quarantine if dataset else ()
    return {item.key for item in items if item.key == item.blob}
