"""The rules about datasets over registered keys, their names and their ids. Pure.

Part of `decide`. Must never open an object: registered fingerprints are opaque.
"""

from collections.abc import Sequence
from typing import assert_never
from uuid import UUID, uuid5

from journal.events import (
    DatasetDropped,
    DatasetRegistered,
    DatasetRenamed,
    DatasetsSwapped,
    Object,
)
from lakehouse.domain.commands import DropDataset, RegisterDataset, RenameDataset, SwapDatasets
from lakehouse.domain.decision import Decision, Unchanged
from lakehouse.domain.errors import Json, Refused
from projections import catalog, inventory
from projections.fold import State

DATASETS = UUID("a8f3c1d2-4e5b-5a6c-9d8e-7f0a1b2c3d4e")
"""Namespace of dataset ids: the same name is the same dataset on any machine, after any loss."""


def decide(
    state: State, command: RegisterDataset | DropDataset | RenameDataset | SwapDatasets
) -> Decision:
    """What becomes of a command about a dataset over registered keys, or about names."""
    match command:
        case RegisterDataset():
            return register(state, command)
        case DropDataset():
            return drop(state, command)
        case RenameDataset():
            return rename(state, command)
        case SwapDatasets():
            return swap(state, command)
    assert_never(command)


def register(state: State, command: RegisterDataset) -> Decision:
    """A dataset over the current versions of keys, under an opaque fingerprint."""
    live = catalog.find(state.catalog, command.name)
    if refused := name_conflict(state, command.name):
        return refused
    if live is not None and live.schema_fingerprint != command.schema_fingerprint:
        return Refused(
            "fingerprint_conflict",
            f"{live.name} has fingerprint {live.schema_fingerprint!r},"
            f" not {command.schema_fingerprint!r}",
        )
    objects, missing = _current_objects(state, command.keys)
    if missing:
        return object_missing(missing)
    if live is not None and (live.objects, live.row_count) == (objects, command.row_count):
        return Unchanged(live.seq)
    return DatasetRegistered(
        dataset_id(command.name),
        command.name,
        command.schema_fingerprint,
        live.schema if live else None,
        objects,
        command.row_count,
        None,
        (),
        (),
    )


def drop(state: State, command: DropDataset) -> Decision:
    """Drop the dataset; its name and fingerprint become free."""
    live = catalog.find(state.catalog, command.name)
    if live is None:
        return _not_found(command.name)
    return DatasetDropped(live.name, live.dataset_id)


def rename(state: State, command: RenameDataset) -> Decision:
    """The dataset has the new name, unless another one has it."""
    live = catalog.find(state.catalog, command.name)
    if live is None:
        return _not_found(command.name)
    if live.name == command.to:
        return Unchanged(live.seq)
    taken = catalog.find(state.catalog, command.to)
    if taken is not None and taken != live:
        return Refused("name_taken", f"there is a dataset {taken.name} already")
    if refused := _view_not_absent(state, command.to):
        return refused
    return DatasetRenamed(live.name, command.to, dataset_id(command.to))


def swap(state: State, command: SwapDatasets) -> Decision:
    """Each of two datasets has the name of the other."""
    a, b = (catalog.find(state.catalog, name) for name in (command.a, command.b))
    if a is None or b is None:
        return _not_found(command.b if a else command.a)
    if a == b:
        return Refused("invalid_request", f"{a.name} is swapped with itself; name two datasets")
    return DatasetsSwapped(a.name, b.name)


def dataset_id(name: str) -> str:
    """UUIDv5 of the name as written."""
    return str(uuid5(DATASETS, name))


def name_conflict(state: State, name: str) -> Refused | None:
    """The refusal of a name that is a view's, or whose live dataset is spelled otherwise.

    Case does not make names differ.
    """
    live = catalog.find(state.catalog, name)
    if live is None or live.name == name:
        return _view_not_absent(state, name)
    return Refused(
        "name_taken", f"{name} differs only in case from the existing dataset {live.name}"
    )


def dataset_not_absent(state: State, name: str) -> Refused | None:
    """The refusal of a view's name that is a dataset's: they share one name space."""
    live = catalog.find(state.catalog, name)
    return Refused("name_taken", f"there is a dataset {live.name} already") if live else None


def _view_not_absent(state: State, name: str) -> Refused | None:
    view = catalog.find_view(state.catalog, name)
    return Refused("name_taken", f"there is a view {view.name} already") if view else None


def _not_found(name: str) -> Refused:
    return Refused("dataset_not_found", f"there is no dataset {name}")


def object_missing(keys: Sequence[str]) -> Refused:
    """The refusal of a dataset over keys that name no object."""
    rows: tuple[dict[str, Json], ...] = tuple({"key": key} for key in keys)
    return Refused("object_missing", f"{len(keys)} of the keys name no object", rows)


def _current_objects(
    state: State, keys: tuple[str, ...]
) -> tuple[tuple[Object, ...], tuple[str, ...]]:
    """The versions that the keys name now, and the keys that name none."""
    found = {key: inventory.current(state.inventory, key) for key in keys}
    objects = tuple(
        Object(now.key, now.blob, now.size_bytes, now.sha256, now.row_count)
        for now in found.values()
        if now is not None
    )
    return objects, tuple(key for key, now in found.items() if now is None)
