"""The present life of a dataset: its events, and its content after each.

A life begins when a name is registered, ingested, restored or derived while it was absent, and with a
rename or a swap. Reads no slot of the journal twice.
"""

import asyncio
from collections.abc import AsyncIterator

import msgspec

from journal.event_parts import changes_of
from journal.events import (
    DatasetAppended,
    DatasetDropped,
    DatasetRegistered,
    DatasetRenamed,
    DatasetRestored,
    DatasetRewritten,
    DatasetsSwapped,
    Event,
    Source,
    ViewDropped,
    ViewPut,
)
from journal.slot import Header
from lakehouse.commit.node import Node
from lakehouse.service.iceberg.event_chain import EventChain
from projections import catalog, history
from projections.catalog import Catalog, Dataset
from projections.erasure.past import dataset_seen_from
from projections.fold import State
from projections.moment import Moment

UNINTERRUPTED = 32
"""Contents after which other work on the event loop has its turn: an append waits for nothing else."""
_Rows = DatasetRegistered | DatasetAppended | DatasetRestored | DatasetRewritten
Step = tuple[Header, Event]


class Content(msgspec.Struct, frozen=True):
    """What a dataset held after an event. `written`: blobs of our own writer that the event added.

    `appends`: nothing but appends happened to the objects since the content before.
    """

    seq: int
    at: str
    dataset: Dataset
    written: tuple[str, ...]
    appends: bool


async def steps(node: Node, state: State, name: str, after: int) -> tuple[list[Step], bool]:
    """The events after `after` of the life that a dataset has in `state`, oldest first.

    Also whether the life begins with the first of them.
    """
    entity = history.dataset_entity(name)
    place = state.history.links.get(entity)
    chain = EventChain(node.past.slot_at)
    found: list[Step] = []
    begun = False
    while place is not None and place[1] > after:
        header, event = await chain.at(place)
        begins, ends = _turns(event, entity)
        if ends:
            begun = True
            break
        found.append((header, event))
        place = None if begins else history.previous(event, entity)[0]
        begun = place is None
    found.reverse()
    return found, begun


async def contents(
    node: Node, name: str, found: list[Step], before: Dataset | None = None
) -> AsyncIterator[Content]:
    """The content after each event that changed rows or schema; `before` them it was this."""
    entity = history.dataset_entity(name)
    running = before
    for number, (header, event) in enumerate(found):
        if number % UNINTERRUPTED == 0:
            await asyncio.sleep(0)
        was, running = running, await _after(node, name, running, header, event)
        now = dataset_seen_from(node.state, running)
        if was is None or _differ(was, running):
            appends = isinstance(event.data, DatasetAppended) and now is running
            yield Content(event.seq, header.at, now, _written(event, entity), appends)


async def _after(
    node: Node, name: str, before: Dataset | None, header: Header, event: Event
) -> Dataset:
    changes = changes_of(event.data)
    if len(changes) == 1 and isinstance(changes[0], _Rows):
        datasets = {} if before is None else {name.lower(): before}
        draft = catalog.Draft(Catalog(catalog.EMPTY.datasets.update(datasets)))
        catalog.apply(draft, changes[0], Moment(header.position, event.seq, header.at))
        found = catalog.find(draft.finish(), name)
    elif before is not None and not any(_concerns(each, name) for each in changes):
        return before
    else:
        found = catalog.find((await node.past.state_at(event.seq)).catalog, name)
    if found is None:
        raise LookupError(f"event {event.seq} left no dataset {name}")
    return found


def _concerns(change: object, name: str) -> bool:
    wanted = name.lower()
    if isinstance(change, DatasetRenamed):
        return wanted in (change.name.lower(), change.to.lower())
    if isinstance(change, DatasetsSwapped):
        return wanted in (change.a.lower(), change.b.lower())
    return isinstance(change, _Rows | DatasetDropped) and change.name.lower() == wanted


def _differ(was: Dataset, now: Dataset) -> bool:
    return (was.seq, was.name) != (now.seq, now.name)


def _turns(event: Event, entity: str) -> tuple[bool, bool]:
    """Whether a life begins in an event, and whether the dataset is absent after it."""
    begins, absent = False, False
    for change in changes_of(event.data):
        if isinstance(change, DatasetRenamed):
            if history.dataset_entity(change.to) == entity:
                begins, absent = True, False
            elif history.dataset_entity(change.name) == entity:
                absent = True
        elif isinstance(change, DatasetsSwapped):
            if entity in map(history.dataset_entity, (change.a, change.b)):
                begins, absent = True, False
        elif isinstance(change, _Rows) and history.dataset_entity(change.name) == entity:
            begins, absent = begins or absent, False
        elif isinstance(change, DatasetDropped | ViewPut | ViewDropped):
            absent = absent or history.dataset_entity(change.name) == entity
    return begins, absent


def _written(event: Event, entity: str) -> tuple[str, ...]:
    """The objects that our writer wrote for an event. An uploaded Parquet was stored as it came."""
    found: list[str] = []
    for change in changes_of(event.data):
        if isinstance(change, DatasetRegistered | DatasetAppended):
            if history.dataset_entity(change.name) == entity and _is_ours(change.source):
                found += [item.blob for item in change.objects if item.blob == item.key]
        elif isinstance(change, DatasetRewritten):
            found += [item.blob for replacement in change.replaced for item in replacement.by]
            if _is_ours(change.source):
                found += [item.blob for item in change.added]
    return tuple(found)


def _is_ours(source: Source | None) -> bool:
    return source is None or ("format", "parquet") not in source.options
