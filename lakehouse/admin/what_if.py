"""What if an event had never happened: the others, one after the other, on the state without it. Pure.

Reads facts and makes none. What a change was asked for is not in the journal, only what came of it; so an
event is left out when what it did could not have been done: it took away what is not there, it built on
what is not there, or it met another dataset under its name.
"""

import msgspec

from journal.events import (
    Data,
    DatasetAppended,
    DatasetDropped,
    DatasetRegistered,
    DatasetRestored,
    Event,
    Object,
    ObjectForgotten,
    ObjectsCollected,
    ObjectsMarked,
)
from projections import catalog, inventory
from projections.fold import State, apply
from projections.moment import Moment


class Left(msgspec.Struct, frozen=True):
    """An event that would not have happened either, and why: the code that its change would have met."""

    seq: int
    type: str
    code: str
    why: str


class WhatIf:
    """Two states side by side: as it was, and without some events."""

    def __init__(self, state: State, without: frozenset[int]) -> None:
        self.was = state
        self.now = state
        self.left: list[Left] = []
        self._without = without

    def add(self, event: Event, moment: Moment) -> None:
        """Take the next event into both, or into the first alone."""
        before, self.was = self.was, apply(self.was, event, moment)
        if event.seq in self._without:
            return
        refused = _refused(event.data, self.now, before)
        if refused is None:
            self.now = apply(self.now, event, moment)
        else:
            self.left.append(Left(event.seq, event.type, *refused))


def _refused(data: Data, now: State, before: State) -> tuple[str, str] | None:
    match data:
        case DatasetDropped():
            if catalog.find(now.catalog, data.name) is None:
                return "dataset_not_found", f"there is no dataset {data.name}"
        case DatasetRegistered() | DatasetAppended() | DatasetRestored():
            return _taken(data, now, before) or _missing(data.objects, now, before)
        case ObjectForgotten():
            blob = now.inventory.keys.get(data.key)
            if blob is not None and inventory.is_held(now.inventory, blob):
                return "object_in_use", f"a live dataset holds {data.key!r}"
        case ObjectsMarked() | ObjectsCollected():
            if any(_is_referred(blob, now) for blob in data.blobs):
                return "object_in_use", "something refers to what it took away"
    return None


def _taken(
    data: DatasetRegistered | DatasetAppended | DatasetRestored, now: State, before: State
) -> tuple[str, str] | None:
    """Whether its name, or its schema, meets another than it met."""
    live, met = catalog.find(now.catalog, data.name), catalog.find(before.catalog, data.name)
    if live is None or isinstance(data, DatasetRestored):
        return None
    if live.name != data.name:
        return "name_taken", f"{live.name} has the name"
    met_fingerprint = met.schema_fingerprint if met else data.schema_fingerprint
    if live.schema_fingerprint not in (met_fingerprint, data.schema_fingerprint):
        return "schema_conflict", f"{live.name} has another schema than it had"
    return None


def _missing(objects: tuple[Object, ...], now: State, before: State) -> tuple[str, str] | None:
    """Whether it holds a version that was there before it, and is not there now."""
    for item in objects:
        if item.blob in before.inventory.blobs and item.blob not in now.inventory.blobs:
            return "object_missing", f"{item.key!r} has not the version that it holds"
    return None


def _is_referred(blob: str, state: State) -> bool:
    inside = state.inventory
    return blob in inside.blobs and blob not in inside.released
