"""Which objects a copy or a move is about. Pure."""

from collections.abc import Iterator

from lakehouse.domain.access.rights import STORAGE, matches
from projections import catalog
from projections.fold import State
from projections.inventory import Stored

EVERYTHING = "*"


def selected(state: State, on: str) -> list[Stored]:
    """The versions that a pattern of a grant matches, in order of their blobs.

    Of datasets what they hold now; of keys all versions; for `*` all that can still be read.
    """
    now = state.inventory
    found = {
        stored.blob: stored for stored in _matching(state, on) if stored.blob not in now.marked
    }
    return [found[blob] for blob in sorted(found)]


def _matching(state: State, on: str) -> Iterator[Stored]:
    blobs = state.inventory.blobs
    if on == EVERYTHING:
        yield from blobs.values()
    elif on.startswith(STORAGE):
        yield from (each for each in blobs.values() if _is_of_key(on, each))
    else:
        for dataset in catalog.in_name_order(state.catalog):
            if matches(on, dataset.name):
                for item in dataset.objects + dataset.quarantine:
                    if item.blob in blobs:
                        yield blobs[item.blob]


def _is_of_key(on: str, stored: Stored) -> bool:
    """Whether it is a version of a user's key. What is ingested belongs to a dataset."""
    return stored.content_type is not None and matches(on, STORAGE + stored.key)
