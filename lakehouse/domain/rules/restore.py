"""The rules about past versions of a dataset: restore, pin, unpin. Pure; a part of `decide`.

The past is the same on every node, so a command may hold what was found there. Whether its objects
still exist is decided on the present state.
"""

from typing import Any, assert_never

import msgspec

from journal.events import DatasetPinned, DatasetRestored, DatasetUnpinned, Source
from lakehouse.domain.commands import PinDataset, RestoreDataset, UnpinDataset
from lakehouse.domain.counts import counted
from lakehouse.domain.decision import Decision, Unchanged
from lakehouse.domain.errors import Json, Refused
from lakehouse.domain.rules.datasets import name_conflict
from projections import catalog, inventory
from projections.catalog import Dataset
from projections.erasure.past import dataset_seen_from
from projections.fold import State
from projections.pins import pin_name

NAMED_OBJECTS = 100
"""How many of the collected objects a refusal names."""


def decide(state: State, command: RestoreDataset | PinDataset | UnpinDataset) -> Decision:
    """What becomes of a command about a past version."""
    match command:
        case RestoreDataset():
            return _restore(state, command)
        case PinDataset():
            return _pin(state, command)
        case UnpinDataset():
            return _unpin(state, command)
    assert_never(command)


def _restore(state: State, command: RestoreDataset) -> Decision:
    """The dataset as it was, unless another spelling has the name or objects were marked by gc."""
    was = dataset_seen_from(state, command.was)
    live = catalog.find(state.catalog, was.name)
    if refused := name_conflict(state, was.name):
        return refused
    if live is not None and _content(live) == _content(was):
        return Unchanged(live.seq)
    if refused := _collected(state, was):
        return refused
    restored = DatasetRestored(command.as_of_seq, *_content(was))
    return msgspec.structs.replace(restored, lineage=command.lineage)


def _pin(state: State, command: PinDataset) -> Decision:
    """Its objects are kept from now on, unless some were marked by gc before."""
    was = dataset_seen_from(state, command.was)
    pinned = state.inventory.pins.get(pin_name(was.name, command.as_of_seq))
    if pinned is not None:
        return Unchanged(pinned[0])
    if refused := _collected(state, was):
        return refused
    blobs = dict.fromkeys(item.blob for item in was.objects + was.quarantine)
    return DatasetPinned(was.name, command.as_of_seq, tuple(blobs))


def _unpin(state: State, command: UnpinDataset) -> Decision:
    """The pin ends, if there is one."""
    if pin_name(command.name, command.as_of_seq) not in state.inventory.pins:
        detail = f"{command.name}@{command.as_of_seq} is not pinned"
        return Refused("pin_not_found", detail)
    return DatasetUnpinned(command.name, command.as_of_seq)


def _content(dataset: Dataset) -> tuple[Any, ...]:
    """What a dataset holds, in the order of an event's Content, which has room for one source at most.

    None where single rows were changed: the dataset does not hold what that source brings.
    """
    source = None
    if len(dataset.sources) == 1 and dataset.sources[0].sha256 and not dataset.edited_seq:
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
        (),
        dataset.derivation,
    )


def _collected(state: State, was: Dataset) -> Refused | None:
    """The refusal of a past version of which an object is marked or collected: a mark is final."""
    rows: list[dict[str, Json]] = [
        {"key": item.key, "event": seq}
        for item in was.objects + was.quarantine
        if (seq := inventory.lost_to(state.inventory, item.blob)) is not None
    ]
    if not rows:
        return None
    detail = (
        f"gc has collected {counted(len(rows), 'object')} of {was.name} (event {rows[0]['event']})"
    )
    return Refused("objects_collected", detail, tuple(rows[:NAMED_OBJECTS]))
