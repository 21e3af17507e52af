"""What an erasure does not reach, as far as the lake knows of it.

Owns the list that a user must go through by hand. Must never show a text that it found.
"""

from collections.abc import Iterator

from journal.bucket.keys import OBJECTS, blob_tag
from journal.event_parts import changes_of
from journal.events import Content, DatasetRestored, DatasetRewritten, Derivation, Event
from lakehouse.api.rows import NotErased
from lakehouse.commit.node import Node
from lakehouse.domain.counts import counted
from lakehouse.domain.erasure.condition_literals import holds_one
from lakehouse.service.erasure.versions import Versions
from projections import catalog
from projections.catalog import Dataset
from projections.fold import State

PAGE = 1_000


async def not_erased(node: Node, versions: Versions, found: frozenset[str]) -> list[NotErased]:
    """Everything known that may hold such rows, or one of the literals `found` in the condition."""
    state = node.state
    rows = [*await _derived(node, state, versions), *_uploads(state, versions)]
    rows += [*_views(state, found), *_events(versions, found)]
    count = await _unregistered(node, state)
    if count:
        unnamed = counted(count, "object")
        detail = f"{unnamed} that no event names, of any dataset; gc removes each after a day"
        rows.append(NotErased("unregistered", OBJECTS, detail))
    return rows


async def _derived(node: Node, state: State, versions: Versions) -> list[NotErased]:
    """The live datasets that statements made from this one, and from those in turn."""
    reads = {
        dataset.name: frozenset(read.name.lower() for read in derivation.reads)
        for dataset in catalog.in_name_order(state.catalog)
        if (derivation := await _derivation(node, dataset)) is not None
    }
    reached, found = set(versions.names), list[NotErased]()
    while more := [name for name in reads if reads[name] & reached and name.lower() not in reached]:
        reached |= {name.lower() for name in more}
        detail = "it was derived from this dataset: refresh or erase it too"
        found += [NotErased("derived", name, detail) for name in more]
    return found


async def _derivation(node: Node, dataset: Dataset) -> Derivation | None:
    """The statement that a dataset's rows are from: of all of them, or of some that were added."""
    seq = None if dataset.derivation is not None else catalog.unnamed(dataset)
    if seq is None:
        return dataset.derivation
    _, event = await node.past.event(seq)
    found = (
        change.derivation
        for change in changes_of(event.data)
        if isinstance(change, Content | DatasetRestored | DatasetRewritten)
        and change.derivation is not None
    )
    return next(found, None)


def _uploads(state: State, versions: Versions) -> Iterator[NotErased]:
    """Stored objects whose bytes were ingested."""
    sources = {
        change.source.sha256: event.seq
        for event in versions.events
        for change in changes_of(event.data)
        if isinstance(change, Content | DatasetRestored | DatasetRewritten) and change.source
    }
    for stored in state.inventory.blobs.values():
        if stored.content_type is not None and stored.sha256 in sources:
            detail = f"its bytes were ingested by event {sources[stored.sha256]}"
            yield NotErased("upload", stored.key, detail)


def _views(state: State, found: frozenset[str]) -> Iterator[NotErased]:
    for view in catalog.views_in_name_order(state.catalog):
        texts = (view.sql, view.comment, view.safe.rows if view.safe else None)
        if any(text and holds_one(text, found) for text in texts):
            yield NotErased("view", view.name, "its definition holds a literal of the condition")


def _events(versions: Versions, found: frozenset[str]) -> Iterator[NotErased]:
    for event in versions.events:
        if any(holds_one(text, found) for text in _texts(event)):
            detail = "a text of it holds a literal of the condition; events are never changed"
            yield NotErased("event", str(event.seq), detail)


def _texts(event: Event) -> Iterator[str]:
    """The free texts of an event."""
    yield from (text for text in (event.actor, event.reason, event.correlation, event.key) if text)
    for change in changes_of(event.data):
        if isinstance(change, Content | DatasetRestored | DatasetRewritten) and change.source:
            yield from (value for _, value in change.source.options)
        if isinstance(change, DatasetRewritten) and change.statement:
            statement = change.statement
            yield from (text for text in (statement.where, *dict(statement.set).values()) if text)


async def _unregistered(node: Node, state: State) -> int:
    """How many stored or quarantine objects no event names: of requests that were broken off."""
    count = 0
    page = await node.bucket.list_objects(OBJECTS, limit=PAGE)
    while page:
        now = state.inventory
        count += sum(
            blob_tag(stat.key) is not None
            and not (stat.key in now.blobs or stat.key in now.marked or stat.key in now.gone)
            and stat.key not in state.stores.blobs
            for stat in page
        )
        page = await node.bucket.list_objects(OBJECTS, page[-1].key, limit=PAGE)
    return count
