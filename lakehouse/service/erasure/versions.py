"""Every version of a dataset that the journal knows: its events, through renames and swaps.

Owns the walk through the history of all names that its content had. Costs one read for each event.
Must never read an object.
"""

from collections.abc import Iterator

import msgspec

from journal.event_parts import changes_of, objects_of
from journal.events import (
    Change,
    Column,
    DatasetAppended,
    DatasetRegistered,
    DatasetRenamed,
    DatasetRestored,
    DatasetRewritten,
    DatasetsSwapped,
    Event,
    Place,
)
from journal.slot import Header
from lakehouse.commit.node import Node
from projections import catalog, history
from projections.catalog import EMPTY
from projections.fold import State
from projections.moment import Moment

ContentChange = DatasetRegistered | DatasetAppended | DatasetRestored | DatasetRewritten
"""A change that adds objects to a dataset."""


class Candidate(msgspec.Struct, frozen=True):
    """A blob that may hold rows of the dataset now, and what is known of it from its first event.

    `schema`: the dataset's columns then; None where they were not known.
    """

    blob: str
    schema: tuple[Column, ...] | None
    is_quarantine: bool
    options: tuple[tuple[str, str], ...]
    """How the source was read, of a quarantine."""


class _Visited(msgspec.Struct, frozen=True):
    """An event of the history, and which of its entities belong to it."""

    event: Event
    moment: Moment
    entities: set[str]


class Versions:
    """The history of one dataset's content, read as far as the journal went. `extend` reads on."""

    def __init__(self, node: Node, name: str) -> None:
        self._node = node
        self._name = name
        self._visited: dict[int, _Visited] = {}

    @property
    def events(self) -> list[Event]:
        """The events, oldest first."""
        return [self._visited[seq].event for seq in sorted(self._visited)]

    @property
    def names(self) -> frozenset[str]:
        """Every name that the content had, in lower case."""
        entities = (each.entities for each in self._visited.values())
        return frozenset(entity.partition(":")[2] for entity in set[str]().union(*entities))

    async def extend(self, state: State) -> bool:
        """Read what is new up to this state; whether the dataset ever existed."""
        entity = history.dataset_entity(self._name)
        ahead: list[tuple[Place | None, str]] = [(state.history.links.get(entity), entity)]
        while ahead:
            place, entity = ahead.pop()
            if place is None or self._knows(place[1], entity):
                continue
            header, event = await self._node.past.event_at(place)
            ahead += await self._visit(header, event, entity)
        return any(True for _ in self._content_changes())

    def candidates(self, state: State) -> list[Candidate]:
        """The blobs of all versions that can still be read, as what took their place since."""
        found: dict[str, Candidate] = {}
        for change in self._content_changes():
            quarantine = {item.blob for item in change.quarantine}
            source = change.source
            options = source.options if source else ()
            for item in objects_of(change):
                blob = _present(state, item.blob)
                if blob is not None and blob not in found:
                    aside = item.blob in quarantine
                    found[blob] = Candidate(blob, change.schema, aside, options if aside else ())
        return list(found.values())

    def moments(self, state: State, replaced: frozenset[str]) -> frozenset[int]:
        """The seqs of the versions that held an object in whose place one of these blobs is. Blocks."""
        draft, moments = catalog.Draft(EMPTY), set[int]()
        for seq in sorted(self._visited):
            visited = self._visited[seq]
            for change in changes_of(visited.event.data):
                catalog.apply(draft, change, visited.moment)
            held = (
                item.blob
                for name in self._changed_names(visited)
                if (dataset := draft.datasets.find(name))
                for item in dataset.objects + dataset.quarantine
            )
            if any(_present(state, blob) in replaced for blob in held):
                moments.add(seq)
        return frozenset(moments)

    def _content_changes(self) -> Iterator[ContentChange]:
        for seq in sorted(self._visited):
            yield from self._changes_in(self._visited[seq])

    def _changes_in(self, visited: _Visited) -> Iterator[ContentChange]:
        """The changes of an event that added objects to this content."""
        for change in changes_of(visited.event.data):
            if (
                isinstance(change, ContentChange)
                and history.dataset_entity(change.name) in visited.entities
            ):
                yield change

    def _changed_names(self, visited: _Visited) -> set[str]:
        """The names, once the event is over, of the datasets to which it added objects."""
        names, ours = set[str](), list(self._changes_in(visited))
        for change in changes_of(visited.event.data):
            if isinstance(change, DatasetRenamed) and change.name.lower() in names:
                names = names - {change.name.lower()} | {change.to.lower()}
            elif isinstance(change, DatasetsSwapped):
                a, b = change.a.lower(), change.b.lower()
                names = {{a: b, b: a}.get(name, name) for name in names}
            elif change in ours:
                names.add(change.name.lower())
        return names

    def _knows(self, seq: int, entity: str) -> bool:
        visited = self._visited.get(seq)
        return visited is not None and entity in visited.entities

    async def _visit(
        self, header: Header, event: Event, entity: str
    ) -> list[tuple[Place | None, str]]:
        """Add an event; the places before it, under all names that the content may have had."""
        moment = Moment(header.position, event.seq, header.at)
        visited = self._visited.setdefault(event.seq, _Visited(event, moment, set()))
        related, targets = _related(changes_of(event.data), entity)
        visited.entities.update(related)
        origins = history.origins(event.data)
        ahead = [
            (each.prev, origins[each.entity]) for each in event.about if each.entity in related
        ]
        if targets:
            # A name that a rename gave may have had a dataset before: its events are not linked.
            before = await self._node.past.state_at(event.seq - 1)
            ahead += [(before.history.links.get(target), target) for target in targets]
        return ahead


def _related(changes: tuple[Change, ...], entity: str) -> tuple[set[str], set[str]]:
    """The entities between which an event moved this one's content, and the names it gave."""
    related, targets = {entity}, set[str]()
    for change in reversed(changes):
        if isinstance(change, DatasetRenamed):
            to = history.dataset_entity(change.to)
            if to in related:
                related.add(history.dataset_entity(change.name))
                targets.add(to)
        elif isinstance(change, DatasetsSwapped):
            pair = {history.dataset_entity(change.a), history.dataset_entity(change.b)}
            if related & pair:
                related |= pair
    return related, targets


def _present(state: State, blob: str) -> str | None:
    """The blob that holds its rows now; None where none does, or none that may be read."""
    erasure = state.inventory.erased.get(blob)
    if erasure is not None:
        blob = erasure.by.blob if erasure.by is not None else ""
    kept = blob in state.inventory.blobs and blob not in state.inventory.marked
    return blob if kept else None
