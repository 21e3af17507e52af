"""A past state as it is answered today: with the successors of all that was erased since. Pure.

Owns the one function through which every reader of an earlier moment goes. Must never be used to fold
further: the state that it returns is for reading.
"""

import msgspec

from projections import catalog, inventory
from projections.catalog import Catalog, Dataset
from projections.erasure import replacements as erasures
from projections.fold import State
from projections.overlay import Overlay


def seen_from(now: State, then: State) -> State:
    """The state `then` with the replacements that `now` knows. The same one if there are no further."""
    present = now.inventory
    if then.inventory.erased_at == present.erased_at:
        return then
    past = then.inventory
    found = {
        blob: each
        for blob, each in present.erased.items()
        if blob in past.blobs and blob not in past.marked
    }
    successors = (present.blobs.get(each.by.blob) for each in found.values() if each.by)
    hashes = {stored.blob: stored.block_hashes for stored in successors if stored}
    draft, datasets = inventory.Draft(past), Overlay(then.catalog.datasets)
    erasures.apply(draft, found, hashes, present.erased_at)
    catalog.erase(datasets, found.get)
    seen = Catalog(datasets.finish(), then.catalog.views, then.catalog.profiles)
    return msgspec.structs.replace(then, catalog=seen, inventory=draft.finish())


def dataset_seen_from(now: State, was: Dataset) -> Dataset:
    """A dataset that was read from a past state, with the successors that `now` knows."""
    erased = now.inventory.erased
    return catalog.erased(was, erased.get) if erased else was
