"""History: the place of each entity's last event, and an index from seq and time to slots. Pure."""

from collections.abc import Callable
from typing import assert_never

import msgspec
from immutables import Map

from journal.access_events import (
    AccessChange,
    AccessEvent,
    GrantDropped,
    GrantPut,
    PrincipalDropped,
    PrincipalPut,
    TokenIssued,
    TokenRevoked,
)
from journal.definition_events import SourceChange, SourceEvent
from journal.event_parts import changes_of
from journal.event_records import Place
from journal.events import (
    About,
    Change,
    Data,
    DatasetAppended,
    DatasetDropped,
    DatasetPinned,
    DatasetRegistered,
    DatasetRenamed,
    DatasetRestored,
    DatasetRewritten,
    DatasetsSwapped,
    DatasetUnpinned,
    Event,
    FormatRaised,
    LakeAdopted,
    ObjectForgotten,
    ObjectsCollected,
    ObjectsMarked,
    ObjectStored,
    ProfileDropped,
    ProfilePut,
    RowsErased,
    ViewDropped,
    ViewPut,
)
from journal.store_events import StoreChange, StoreEvent

ANCHOR_EVERY = 1_024
"""The state keeps an anchor every so many slots, so that seq or time → slot takes a few GETs."""


class Anchor(msgspec.Struct, frozen=True, gc=False):
    """The slot at `position` begins with `first_seq` and has the time `at`."""

    position: int
    first_seq: int
    at: str


class History(msgspec.Struct, frozen=True):
    """`links`: entity → place of its last event; `anchors`: number → every 1,024th slot."""

    links: Map[str, Place] = Map()
    anchors: Map[int, Anchor] = Map()


EMPTY = History()


def origins(data: Data) -> dict[str, str]:
    """The entities that an event is about, each with the entity that its earlier events belong to.

    That is another one where a dataset has got the entity's name by a rename or a swap.
    """
    found: dict[str, str] = {}
    for change in changes_of(data):
        found |= {entity: found.get(was, was) for entity, was in _origins(change).items()}
    return found


def _origins(change: Change) -> dict[str, str]:
    match change:
        case ObjectStored() | ObjectForgotten():
            return {}
        case DatasetRegistered() | DatasetAppended() | DatasetDropped() | DatasetRestored():
            return _itself(change.name)
        case DatasetPinned() | DatasetUnpinned() | DatasetRewritten() | ViewPut() | ViewDropped():
            return _itself(change.name)
        case DatasetRenamed():
            return {dataset_entity(change.to): dataset_entity(change.name)} | _itself(change.name)
        case DatasetsSwapped():
            a, b = dataset_entity(change.a), dataset_entity(change.b)
            return {a: b, b: a}
        case RowsErased():
            return _itself(*change.names)
        case ProfilePut() | ProfileDropped():
            return {profile_entity(change.name): profile_entity(change.name)}
        case AccessEvent() | StoreEvent() | SourceEvent():
            entity = _entity_of_lake(change)
            return {entity: entity}
        case ObjectsMarked() | ObjectsCollected() | FormatRaised() | LakeAdopted():
            return {}
    assert_never(change)


def _itself(*names: str) -> dict[str, str]:
    return {dataset_entity(name): dataset_entity(name) for name in names}


def dataset_entity(name: str) -> str:
    """The name of a dataset or view in `about`; they share one name space; case does not matter."""
    return f"dataset:{name.lower()}"


def profile_entity(name: str) -> str:
    """The name of a profile in `about`."""
    return f"profile:{name.lower()}"


def _entity_of_lake(change: AccessChange | StoreChange | SourceChange) -> str:
    if isinstance(change, SourceEvent):
        return source_entity(change.name)
    return f"store:{change.store}" if isinstance(change, StoreEvent) else access_entity(change)


def source_entity(name: str) -> str:
    """The name of a watched source in `about`."""
    return f"source:{name.lower()}"


def access_entity(change: AccessChange) -> str:
    """The name in `about` of the principal, token or grant that a change of access is about."""
    match change:
        case PrincipalPut() | PrincipalDropped():
            return f"principal:{change.name.lower()}"
        case TokenIssued() | TokenRevoked():
            return f"token:{change.id}"
        case GrantPut() | GrantDropped():
            return f"grant:{change.principal.lower()}/{change.on}"
    assert_never(change)


def about(history: History, data: Data) -> tuple[About, ...]:
    """The `about` of an event that is decided on this state: its entities and their last events."""
    return tuple(About(entity, history.links.get(was)) for entity, was in origins(data).items())


def previous(event: Event, entity: str) -> tuple[Place | None, str]:
    """The place of the entity's event before this one, and the entity that it is about there."""
    place = next((each.prev for each in event.about if each.entity == entity), None)
    return place, origins(event.data).get(entity, entity)


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
