"""The rules about what was: restoring it, and keeping it. Pure; a part of `decide`.

The past is the same on every node, so a command may bring what it found there. Whether it can still
be had is asked of the present state.
"""

from typing import Any

from journal.events import (
    Data,
    DatasetPinned,
    DatasetRestored,
    DatasetUnpinned,
    ObjectForgotten,
    ObjectStored,
    Source,
)
from lakehouse.domain.commands import PinDataset, RestoreDataset, UnpinDataset
from lakehouse.domain.decision import Decision, Unchanged
from lakehouse.domain.errors import Json, Refused
from projections import catalog, history, inventory
from projections.catalog import Dataset
from projections.fold import State

NAMED_OBJECTS = 100
"""How many of the objects that are gone a refusal names."""


def decide(state: State, command: RestoreDataset | PinDataset | UnpinDataset) -> Decision:
    """What becomes of a command about what was."""
    match command:
        case RestoreDataset():
            return _restore(state, command)
        case PinDataset():
            return _pin(state, command)
        case UnpinDataset():
            return _unpin(state, command)


def other_spelling(live: Dataset | None, name: str) -> Refused | None:
    """Why a name cannot be had: names are unique without regard to case."""
    if live is None or live.name == name:
        return None
    return Refused("name_taken", f"{name} differs from {live.name}, which is there, only in case")


def overtaken(state: State, seq: int, data: Data) -> str | None:
    """Why event `seq` is not the last word on its subject any more, or None."""
    if isinstance(data, ObjectStored | ObjectForgotten):
        now = inventory.current(state.inventory, data.key)
        if isinstance(data, ObjectForgotten):
            return f"event {now.seq} has stored {data.key!r} since" if now else None
        if now is None:
            return f"{data.key!r} was forgotten since"
        return f"event {now.seq} has changed {data.key!r} since" if now.seq != seq else None
    for entity in history.entities(data):
        place = state.history.links.get(entity)
        if place is not None and place[1] != seq and not isinstance(data, DatasetPinned):
            return f"event {place[1]} was about {entity} since"
    return None


def _restore(state: State, command: RestoreDataset) -> Decision:
    """Again what it was, unless another spelling has the name, or its objects are given up."""
    was = command.was
    live = catalog.find(state.catalog, was.name)
    if refused := other_spelling(live, was.name):
        return refused
    if live is not None and _content(live) == _content(was):
        return Unchanged(live.seq)
    if refused := _collected(state, was):
        return refused
    return DatasetRestored(command.as_of_seq, *_content(was))


def _pin(state: State, command: PinDataset) -> Decision:
    """Kept from now on, unless some of it is given up already."""
    was = command.was
    pinned = state.inventory.pins.get(inventory.pin_name(was.name, command.as_of_seq))
    if pinned is not None:
        return Unchanged(pinned[0])
    if refused := _collected(state, was):
        return refused
    blobs = dict.fromkeys(item.blob for item in was.objects + was.quarantine)
    return DatasetPinned(was.name, command.as_of_seq, tuple(blobs))


def _unpin(state: State, command: UnpinDataset) -> Decision:
    """Kept no longer, if it was."""
    if inventory.pin_name(command.name, command.as_of_seq) not in state.inventory.pins:
        detail = f"{command.name}@{command.as_of_seq} is not pinned"
        return Refused("pin_not_found", detail)
    return DatasetUnpinned(command.name, command.as_of_seq)


def _content(dataset: Dataset) -> tuple[Any, ...]:
    """What a dataset holds, in the order of an event's Content. Of several sources it can name none."""
    source = None
    if len(dataset.sources) == 1:
        only = dataset.sources[0]
        source = Source(only.sha256, only.size_bytes, only.options)
    return (
        dataset.dataset_id,
        dataset.name,
        dataset.schema_fingerprint,
        dataset.schema,
        dataset.objects,
        dataset.row_count,
        source,
        dataset.renamed,
        dataset.quarantine,
    )


def _collected(state: State, was: Dataset) -> Refused | None:
    """Why a dataset of the past cannot be had any more: a mark is final."""
    rows: list[dict[str, Json]] = [
        {"key": item.key, "event": seq}
        for item in was.objects + was.quarantine
        if (seq := inventory.lost_to(state.inventory, item.blob)) is not None
    ]
    if not rows:
        return None
    detail = f"{len(rows)} of the objects of {was.name} were collected, event {rows[0]['event']}"
    return Refused("objects_collected", detail, tuple(rows[:NAMED_OBJECTS]))
