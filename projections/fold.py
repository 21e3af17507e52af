"""The fold: all projections as one state, its root, and how a slot moves it. Pure and total.

The same events give the same state, byte for byte, on every node; `codec.state_root` proves it.
`apply` never refuses: what may not happen is refused in `decide`, before it is an event.
"""

from collections.abc import Set

import msgspec

from journal.access_events import AccessEvent
from journal.event_parts import changes_of
from journal.events import Change, Event, FormatRaised
from journal.slot import FORMAT, Head, Slot
from projections import access, catalog, history, idempotency, inventory, sources, stores
from projections.access import Access
from projections.catalog import Catalog
from projections.history import Anchor, History
from projections.idempotency import Requests
from projections.inventory import Inventory
from projections.moment import Moment
from projections.overlay import Overlay
from projections.sources import Sources
from projections.stores import Stores

STATE_VERSION = 13
"""Raised when the same events fold to another state; golden roots test it."""


class State(msgspec.Struct, frozen=True):
    """Everything derived from the journal up to `head`. An immutable value."""

    head: Head
    format: int
    catalog: Catalog
    inventory: Inventory
    history: History
    requests: Requests
    access: Access
    stores: Stores
    sources: Sources


def empty(origin: Head) -> State:
    """The state before slot 1; `origin` is the head of the lake's empty journal."""
    return State(
        *(origin, FORMAT, catalog.EMPTY, inventory.EMPTY, history.EMPTY, idempotency.EMPTY),
        *(access.EMPTY, stores.EMPTY, sources.EMPTY),
    )


class Draft:
    """A state while events are folded into it: mutable, never visible outside this package."""

    def __init__(self, state: State) -> None:
        self._format = state.format
        self._catalog = catalog.Draft(state.catalog)
        self._inventory = inventory.Draft(state.inventory)
        self._links = Overlay(state.history.links)
        self._anchors = state.history.anchors
        self._requests = idempotency.Draft(state.requests)
        self._access = access.Draft(state.access)
        self._stores = stores.Draft(state.stores)
        self._sources = sources.Draft(state.sources)

    def apply(self, event: Event, moment: Moment) -> None:
        """Fold one event: all of its changes have the same moment."""
        shared = event.key is not None and self._access.is_open()
        for change in changes_of(event.data):
            self.change(change, moment)
        idempotency.apply(self._requests, event, moment, shared=shared)
        for each in event.about:
            self._links.put(each.entity, (moment.position, moment.seq))

    def change(self, change: Change, moment: Moment) -> None:
        """Fold one change. The inventory goes first: it reads what the catalog held before."""
        inventory.apply(self._inventory, self._catalog.datasets, change, moment)
        catalog.apply(self._catalog, change, moment)
        stores.apply(self._stores, change, moment)
        sources.apply(self._sources, change, moment)
        if isinstance(change, AccessEvent):
            access.apply(self._access, change, moment)
        if isinstance(change, FormatRaised):
            self._format = max(self._format, change.slot)

    def anchor(self, slot: Slot) -> None:
        """Record the slot's place if history needs it as an anchor."""
        header = slot.header
        if history.is_anchor(header.position):
            anchor = Anchor(header.position, header.first_seq, header.at)
            self._anchors = self._anchors.set(len(self._anchors), anchor)

    def finish(self, head: Head) -> State:
        """The state at `head`; the draft must not be used again."""
        return State(
            head,
            self._format,
            self._catalog.finish(),
            self._inventory.finish(),
            History(self._links.finish(), self._anchors),
            self._requests.finish(),
            self._access.finish(),
            self._stores.finish(),
            self._sources.finish(),
        )


class Folding:
    """Folds many slots without a state after each: making a state costs more than folding its events.

    A map that is shared with a state copies what it changes; one that is not changes in place.
    """

    def __init__(self, state: State) -> None:
        self.head = state.head
        self._draft = Draft(state)

    def add(self, slot: Slot, seq: int | None = None) -> None:
        """Fold one slot's events, up to `seq`. The caller has checked that the slot follows `head`."""
        header, last = slot.header, slot.head.seq if seq is None else min(seq, slot.head.seq)
        for event in slot.events:
            if event.seq <= last:
                self._draft.apply(event, Moment(header.position, event.seq, header.at))
        self._draft.anchor(slot)
        self.head = msgspec.structs.replace(slot.head, seq=last)

    def finish(self) -> State:
        """The state after all slots; this object must not be used again."""
        return self._draft.finish(self.head)


def apply(state: State, event: Event, moment: Moment) -> State:
    """The state after one event of a slot that is not closed yet: only the head's seq moves."""
    draft = Draft(state)
    draft.apply(event, moment)
    return draft.finish(msgspec.structs.replace(state.head, seq=event.seq))


def apply_change(state: State, change: Change, moment: Moment) -> State:
    """The state that the next change of a set is decided on; the head, links and requests stay."""
    draft = Draft(state)
    draft.change(change, moment)
    return draft.finish(state.head)


def fold(state: State, slot: Slot) -> State:
    """The state after one slot. The caller has checked that the slot follows `state.head`."""
    return fold_to(state, slot, slot.head.seq)


def fold_watched(state: State, slot: Slot, commands: Set[str]) -> tuple[State, dict[str, State]]:
    """As `fold`, with the state right after each event of these commands, by command id."""
    if commands.isdisjoint([event.command for event in slot.events]):
        return fold(state, slot), {}
    states: dict[str, State] = {}
    running, draft = state, Draft(state)
    for event in slot.events:
        draft.apply(event, Moment(slot.header.position, event.seq, slot.header.at))
        if event.command in commands:
            running = draft.finish(msgspec.structs.replace(state.head, seq=event.seq))
            states[event.command], draft = running, Draft(running)
    draft.anchor(slot)
    return draft.finish(slot.head), states


def fold_to(state: State, slot: Slot, seq: int) -> State:
    """As `fold`, but only events up to `seq`; the head is the slot's except its seq."""
    folding = Folding(state)
    folding.add(slot, seq)
    return folding.finish()


def close(running: State, slot: Slot) -> State:
    """The state after `slot`, all of whose events `apply` has already folded into `running`."""
    draft = Draft(running)
    draft.anchor(slot)
    return draft.finish(slot.head)


def counts(state: State) -> dict[str, int]:
    """The number of entries of each kind, for display."""
    return {
        "datasets": len(state.catalog.datasets),
        "keys": len(state.inventory.keys),
        "versions": len(state.inventory.blobs),
        "remembered_requests": len(state.requests.seen),
    }
