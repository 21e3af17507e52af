"""What a caller sees of a state and of the journal: all that it may not read is absent.

Reads are answered from what these functions return, so that no use case judges names itself. Must never
change a value: what is shown is as in the state.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar, cast

import msgspec
from immutables import Map

from journal.event_lines import Envelope, open_envelope
from journal.event_parts import changes_of
from journal.events import (
    About,
    Change,
    ChangeSetCommitted,
    Content,
    DatasetRestored,
    DatasetRewritten,
    Derivation,
    Event,
    Source,
    TypedChange,
)
from lakehouse.commit.node import Node
from lakehouse.domain.access.rights import READ, STORAGE
from lakehouse.domain.access.subjects import Subjects, subjects_of
from lakehouse.service import snapshot
from lakehouse.service.access.permissions import Permissions, permissions
from lakehouse.service.caller import Caller
from lakehouse.system.lens import CLEAR, Lens
from projections import stores
from projections.catalog import Catalog, Dataset
from projections.definitions import Profile, ViewDefinition
from projections.fold import State

V = TypeVar("V")
N = TypeVar("N", Dataset, ViewDefinition)
_DATASET = "dataset:"


class VisibleMap(Mapping[str, V], Generic[V]):
    """The pairs of a map whose keys are seen, found when they are asked for.

    `among`: all keys that can be seen, if they are known: then only they are visited.
    """

    def __init__(
        self,
        of: Mapping[str, V],
        sees: Callable[[str, V], bool],
        shown: Callable[[V], V] = lambda value: value,
        aliases: Mapping[str, V] | None = None,
        among: Sequence[str] | None = None,
    ) -> None:
        self._among = among
        self._aliases = aliases or {}
        self._of = of
        self._sees = sees
        self._shown = shown

    def __getitem__(self, key: str) -> V:
        if key in self._aliases:
            return self._aliases[key]
        value = self._of[key]
        if not self._sees(key, value):
            raise KeyError(key)
        return self._shown(value)

    def __iter__(self) -> Iterator[str]:
        yield from self._aliases
        for key, value in self._candidates():
            if key not in self._aliases and self._sees(key, value):
                yield key

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _candidates(self) -> Iterable[tuple[str, V]]:
        if self._among is None:
            return self._of.items()
        return ((key, self._of[key]) for key in self._among if key in self._of)


async def state_for(node: Node, caller: Caller, as_of: str | int | None) -> State:
    """What the caller sees of the state as of an event's number, a time, or now.

    Raises RefusedError as `snapshot.state_as_of` does.
    """
    return visible(await snapshot.state_as_of(node, as_of), permissions(node, caller))


def present_for(node: Node, caller: Caller) -> State:
    """What the caller sees of the present state."""
    return visible(node.state, permissions(node, caller))


def visible(state: State, held: Permissions) -> State:
    """The state, reduced to what the caller may read. It is only for reading."""
    if held.unrestricted:
        return state
    catalog = Catalog(
        _named(state.catalog.datasets, held, _plain(held)),
        _named(state.catalog.views, held, _described(held)),
        _map(VisibleMap(state.catalog.profiles, lambda _, each: _sees_profile(held, each))),
    )
    held_keys = _HeldKeys(catalog.datasets)
    inventory = msgspec.structs.replace(
        state.inventory,
        keys=_map(
            VisibleMap(
                state.inventory.keys,
                lambda key, blob: held.may_key(READ, key) or (key == blob and key in held_keys),
            )
        ),
        pins=_map(
            VisibleMap(state.inventory.pins, lambda pin, _: held.sees(pin.rpartition("@")[0]))
        ),
    )
    return msgspec.structs.replace(state, catalog=catalog, inventory=inventory, stores=stores.EMPTY)


def visible_event(event: Event, held: Permissions) -> Event | None:
    """An event as the caller sees it: of a change set the changes that it may see; None without any."""
    if held.unrestricted:
        return event
    seen = [shown for each in changes_of(event.data) if (shown := _visible_change(each, held))]
    if not seen:
        return None
    data = event.data
    if isinstance(data, ChangeSetCommitted):
        data = ChangeSetCommitted(tuple(TypedChange(each.TYPE, each) for each in seen))
    else:
        data = seen[0]
    about = tuple(each for each in event.about if _sees_entity(each, held))
    return msgspec.structs.replace(event, about=about, data=data)


def sees_all(event: Event, held: Permissions) -> bool:
    """Whether the caller may see an event, and of a change set each change."""
    return held.unrestricted or all(
        (subjects := subjects_of(change)) is not None and sees_subjects(held, subjects)
        for change in changes_of(event.data)
    )


def sees_subjects(held: Permissions, subjects: Subjects) -> bool:
    """Whether the caller may read all that a change names."""
    return all(
        held.may(READ, each) if each.startswith(STORAGE) else held.sees(each)
        for each in subjects.named
    )


def visible_derivation(derivation: Derivation | None, held: Permissions) -> Derivation | None:
    """A derivation whose statement names nothing that the caller may not read."""
    if derivation is None or not all(held.sees(read.name) for read in derivation.reads):
        return None
    return derivation


def _visible_change(change: Change, held: Permissions) -> Change | None:
    subjects = subjects_of(change)
    if subjects is None or not sees_subjects(held, subjects):
        return None
    if isinstance(change, Content | DatasetRestored | DatasetRewritten):
        derivation = visible_derivation(change.derivation, held)
        source = _without_file(change.source)
        return msgspec.structs.replace(change, derivation=derivation, source=source)
    return change


def _without_file(source: Source | None) -> Source | None:
    """A source of rows without the watched source that found the file: those are for admins."""
    if source is None or source.file is None:
        return source
    return msgspec.structs.replace(source, file=None)


def _sees_entity(about: About, held: Permissions) -> bool:
    entity = about.entity
    return entity.startswith(_DATASET) and held.sees(entity.removeprefix(_DATASET))


def _sees_profile(held: Permissions, profile: Profile) -> bool:
    """Whether the caller may read all that the names of a profile stand for, or it is its own."""
    if held.profile is not None:
        return profile.name == held.profile.name
    return all(held.may(READ, each.to) for each in profile.names)


def _plain(held: Permissions) -> Callable[[Dataset], Dataset]:
    def shown(dataset: Dataset) -> Dataset:
        derivation = visible_derivation(dataset.derivation, held)
        if derivation is dataset.derivation:
            return dataset
        return msgspec.structs.replace(dataset, derivation=derivation)

    return shown


def _described(held: Permissions) -> Callable[[ViewDefinition], ViewDefinition]:
    """A view without its definition, unless the caller may read all that it reads."""

    def shown(view: ViewDefinition) -> ViewDefinition:
        if all(map(held.sees, view.reads)):
            return view
        return msgspec.structs.replace(view, sql=None, safe=None, reads=())

    return shown


def _named(of: Map[str, N], held: Permissions, shown: Callable[[N], N]) -> Map[str, N]:
    """What is seen by its own name, and by an alias of the principal's profile."""
    aliases = {
        alias.alias.lower(): shown(msgspec.structs.replace(target, name=alias.alias))
        for alias in (held.profile.names if held.profile else ())
        if alias.as_of is None and held.shows(alias.alias, alias.to)
        if (target := of.get(alias.to.lower())) is not None
    }
    among = held.readable_names()
    return _map(VisibleMap(of, lambda name, _: held.sees(name), shown, aliases, among))


def lens(held: Permissions) -> Lens:
    """The events and log entries that the caller may see."""
    if held.unrestricted:
        return CLEAR

    def seen(envelope: Envelope) -> Envelope | None:
        event = visible_event(open_envelope(envelope), held)
        if event is None:
            return None
        data = msgspec.Raw(msgspec.json.encode(event.data))
        return msgspec.structs.replace(envelope, data=data)

    return Lens(held.scope, held.name, seen)


class _HeldKeys:
    """The keys that ingested objects of datasets have, found once they are asked for."""

    def __init__(self, datasets: Mapping[str, Dataset]) -> None:
        self._datasets = datasets
        self._keys: frozenset[str] | None = None

    def __contains__(self, key: str) -> bool:
        if self._keys is None:
            self._keys = frozenset(
                item.key
                for dataset in self._datasets.values()
                for item in dataset.objects + dataset.quarantine
                if item.key == item.blob
            )
        return key in self._keys


def _map(found: Mapping[str, V]) -> Map[str, V]:
    """A mapping where a state has a persistent map: a state that is only read needs no more."""
    return cast("Map[str, V]", found)
