"""Where the rows of each object of a dataset come from, found in the dataset's own history.

Reads the journal alone. Must never read an object.
"""

import msgspec

from journal.event_parts import changes_of, objects_of
from journal.events import (
    Change,
    Content,
    DatasetDropped,
    DatasetRestored,
    DatasetRewritten,
    Derivation,
    Event,
    Lineage,
    Object,
    Replacement,
    RowsErased,
    Source,
)
from journal.slot import Header
from lakehouse.commit.node import Node
from projections import history
from projections.catalog import Dataset
from projections.erasure import replacements as erasures
from projections.fold import State

UNKNOWN_ROWS = 2**53 - 1
"""Used as the number of rows of an object that was registered without one."""


class Origin(msgspec.Struct, frozen=True):
    """One change that brought rows: its event, and what it says of where they are from."""

    header: Header
    event: Event
    source: Source | None
    derivation: Derivation | None


class Part(msgspec.Struct, frozen=True):
    """Rows of an object, from `start` to `stop`, exclusive, and the change that brought them."""

    start: int
    stop: int
    origin: Origin


Parts = tuple[Part, ...]


async def parts_of(node: Node, state: State, dataset: Dataset) -> dict[str, Parts]:
    """For each blob its rows, by the first change that brought them since the dataset was last created.

    `dataset` is as it is in `state`. What was restored was added before the moment that it was
    restored from. The rows of an object that was rewritten come from those that it replaced.
    Costs the dataset's own history.
    """
    found: dict[str, Parts] = {}
    rows: dict[str, int | None] = {}
    # The oldest first: what an object replaced is known before the object itself.
    for header, event, then in reversed(await _changes(node, state, dataset)):
        change = _today(state, then)
        rows |= {item.blob: item.row_count for item in objects_of(change)}
        inherited = _inherited(change, found, rows)
        origin = _origin(header, event, change)
        for item in objects_of(change):
            if item.blob not in found:
                found[item.blob] = inherited.get(item.blob) or (Part(0, _count(item), origin),)
    return found


async def _changes(
    node: Node, state: State, dataset: Dataset
) -> list[tuple[Header, Event, Change]]:
    """The changes that can have added objects which the dataset has now, the last one first."""
    found: list[tuple[Header, Event, Change]] = []
    entity = history.dataset_entity(dataset.name)
    place = state.history.links.get(entity)
    before = dataset.seq + 1
    while place is not None:
        header, event = await node.past.event_at(place)
        if event.seq < before:
            added = _added_by(event, entity)
            found += [(header, event, change) for change in added.changes]
            if added.is_first:
                break
            before = added.before or before
        place, entity = history.previous(event, entity)
    return found


class _Added(msgspec.Struct, frozen=True):
    """The changes of one event that concern a dataset, the last one first.

    `before`: the event before which all other objects were added.
    """

    changes: tuple[Change, ...]
    is_first: bool = False
    before: int | None = None


def _added_by(event: Event, entity: str) -> _Added:
    """What an event, perhaps a change set, added to the dataset that had this name after it."""
    found: list[Change] = []
    for change in reversed(changes_of(event.data)):
        was = history.origins(change).get(entity)
        if was is None:
            continue
        if isinstance(change, DatasetDropped):
            return _Added(tuple(found), is_first=True)
        if not isinstance(change, RowsErased):
            found.append(change)
        if isinstance(change, DatasetRestored):
            return _Added(tuple(found), before=change.as_of_seq + 1)
        entity = was
    return _Added(tuple(found))


def _today(state: State, change: Change) -> Change:
    """The change with what took the place of objects of which rows were erased."""
    find = state.inventory.erased.get
    match change:
        case Content() | DatasetRestored():
            objects = erasures.succeeded(change.objects, find)
            aside = erasures.succeeded(change.quarantine, find)
            return msgspec.structs.replace(change, objects=objects, quarantine=aside)
        case DatasetRewritten():
            replaced = tuple(
                msgspec.structs.replace(
                    each,
                    blobs=tuple(erasures.present(blob, find) for blob in each.blobs),
                    by=erasures.succeeded(each.by, find),
                )
                for each in change.replaced
            )
            added = erasures.succeeded(change.added, find)
            return msgspec.structs.replace(change, replaced=replaced, added=added)
    return change


def _inherited(
    change: Change, found: dict[str, Parts], rows: dict[str, int | None]
) -> dict[str, Parts]:
    """The parts of objects that replace others, by blob."""
    inherited: dict[str, Parts] = {}
    if isinstance(change, DatasetRestored):
        return {each.blob: _of_ranges(each, found) for each in change.lineage}
    if isinstance(change, DatasetRewritten):
        for each in change.replaced:
            inherited |= successors(each, found, rows)
    return inherited


def _of_ranges(lineage: Lineage, found: dict[str, Parts]) -> Parts:
    """The parts of rows that stood in other objects, one range after the other."""
    joined, start = list[Part](), 0
    for rows in lineage.rows:
        inside = _cut(found.get(rows.blob, ()), rows.start, rows.stop)
        joined += [_moved(part, start) for part in inside]
        start += rows.stop - rows.start
    return tuple(joined)


def successors(
    change: Replacement, found: dict[str, Parts], rows: dict[str, int | None]
) -> dict[str, Parts]:
    """The parts of the objects that one replacement wrote.

    While no row is gone, each row stands where it stood. Otherwise the rows of an object can be
    assigned only if all come from one change; else each change stands for all of them.
    """
    counts = [rows.get(blob) for blob in change.blobs]
    if None in counts and change.rows:
        # A compaction has counted the rows of objects that were registered without a number.
        counts = [*change.rows]
    known = sum(count for count in counts if count is not None)
    kept = None not in counts and known == sum(map(_count, change.by))
    if not kept:
        origins = {id(part.origin): part.origin for blob in change.blobs
                   for part in found.get(blob, ())}  # fmt: skip
        return {
            item.blob: tuple(Part(0, _count(item), origin) for origin in origins.values())
            for item in change.by
        }
    joined, start = list[Part](), 0
    for blob, count in zip(change.blobs, counts, strict=True):
        inside = _cut(found.get(blob, ()), 0, count or 0)
        joined += [_moved(part, start) for part in inside]
        start += count or 0
    return _split(tuple(joined), change.by)


def _split(joined: Parts, objects: tuple[Object, ...]) -> dict[str, Parts]:
    """The parts of rows that lie one after the other in these objects."""
    found: dict[str, Parts] = {}
    start = 0
    for item in objects:
        stop = start + _count(item)
        found[item.blob] = _cut(joined, start, stop)
        start = stop
    return found


def _cut(parts: Parts, start: int, stop: int) -> Parts:
    """The parts of the rows from `start` to `stop`, counted from there."""
    return tuple(
        Part(max(part.start, start) - start, min(part.stop, stop) - start, part.origin)
        for part in parts
        if part.start < stop and part.stop > start
    )


def _moved(part: Part, by: int) -> Part:
    return Part(part.start + by, part.stop + by, part.origin)


def _count(item: Object) -> int:
    return UNKNOWN_ROWS if item.row_count is None else item.row_count


def _origin(header: Header, event: Event, change: Change) -> Origin:
    match change:
        case Content() | DatasetRestored() | DatasetRewritten():
            return Origin(header, event, change.source, change.derivation)
    return Origin(header, event, None, None)
