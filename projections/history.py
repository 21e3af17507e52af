"""History: where each entity's last event lies, and where to look for a seq or a time. Pure."""

from collections.abc import Callable
from typing import assert_never

import msgspec
from immutables import Map

from journal.events import (
    About,
    Data,
    DatasetAppended,
    DatasetDropped,
    DatasetPinned,
    DatasetRegistered,
    DatasetRestored,
    DatasetUnpinned,
    Event,
    FormatRaised,
    LakeAdopted,
    ObjectForgotten,
    ObjectsCollected,
    ObjectsMarked,
    ObjectStored,
    Place,
)

ANCHOR_EVERY = 1_024
"""Every so many slots the state keeps an anchor, so that seq or time → slot is a few GETs."""


class Anchor(msgspec.Struct, frozen=True, gc=False):
    """The slot at `position` begins with `first_seq` and is of time `at`."""

    position: int
    first_seq: int
    at: str


class History(msgspec.Struct, frozen=True):
    """`links`: entity → place of its last event; `anchors`: number → every 1,024th slot."""

    links: Map[str, Place] = Map()
    anchors: Map[int, Anchor] = Map()


EMPTY = History()


def entities(data: Data) -> tuple[str, ...]:
    """What an event is about: datasets by lower-case name."""
    match data:
        case ObjectStored() | ObjectForgotten():
            return ()
        case DatasetRegistered() | DatasetAppended() | DatasetDropped() | DatasetRestored():
            return (dataset_entity(data.name),)
        case DatasetPinned() | DatasetUnpinned():
            return (dataset_entity(data.name),)
        case ObjectsMarked() | ObjectsCollected() | FormatRaised() | LakeAdopted():
            return ()
    assert_never(data)


def dataset_entity(name: str) -> str:
    """How `about` names a dataset: the same for every spelling."""
    return f"dataset:{name.lower()}"


def about(history: History, data: Data) -> tuple[About, ...]:
    """The `about` of an event that is decided on this state: its entities and their last events."""
    return tuple(About(entity, history.links.get(entity)) for entity in entities(data))


def previous(event: Event, entity: str) -> Place | None:
    """The place of the entity's event before this one."""
    return next((each.prev for each in event.about if each.entity == entity), None)


def is_anchor(position: int) -> bool:
    """Whether the slot at `position` (from 1) gets an anchor."""
    return (position - 1) % ANCHOR_EVERY == 0


def between(history: History, seq: int, head_position: int) -> tuple[int, int]:
    """Positions (first, last) between which the slot that holds `seq` lies."""
    return _range(history, head_position, lambda anchor: anchor.first_seq <= seq)


def between_times(history: History, at: str, head_position: int) -> tuple[int, int]:
    """Positions (first, last) between which the last slot with a time not after `at` lies."""
    return _range(history, head_position, lambda anchor: anchor.at <= at)


def _range(
    history: History, head_position: int, holds: Callable[[Anchor], bool]
) -> tuple[int, int]:
    low, high = 0, len(history.anchors)
    while low < high:
        middle = (low + high) // 2
        if holds(history.anchors[middle]):
            low = middle + 1
        else:
            high = middle
    first = history.anchors[low - 1].position if low else 0
    last = history.anchors[low].position - 1 if low < len(history.anchors) else head_position
    return first, last
