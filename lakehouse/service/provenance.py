"""Where a dataset's rows come from: the event, the file and the object of each."""

import re
from collections.abc import Mapping

import msgspec

from journal.event_parts import changes_of, objects_of
from journal.events import (
    Content,
    DatasetDropped,
    DatasetRestored,
    Event,
    Object,
)
from journal.slot import Header
from lakehouse.api.provenance import DatasetOrigin, ObjectOrigin, OriginEvent, OriginFile
from lakehouse.api.sql import SqlResult
from lakehouse.api.versioned import Versioned
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.validation import check_name
from lakehouse.query.engine import Query, QueryEngine
from lakehouse.service.caller import Caller
from lakehouse.service.objects import VerifiedObjects
from lakehouse.service.sql.query_objects import QueryObjects
from projections import catalog, history
from projections.catalog import Dataset
from projections.fold import State
from projections.views import View, quoted

_WHERE = re.compile(r"\s*where\b", re.IGNORECASE)


class Provenance:
    """Reads the journal, and for single rows the objects."""

    def __init__(self, node: Node, objects: VerifiedObjects, engine: QueryEngine) -> None:
        self._node = node
        self._objects = objects
        self._engine = engine

    async def why(self, caller: Caller, name: str, row: str | None) -> Versioned[DatasetOrigin]:
        """Each object of a dataset with the event that added it; only objects that hold such rows.

        `row` is a condition in SQL, with or without its WHERE. Costs the dataset's own history, and
        a query for each object. Raises RefusedError: `dataset_not_found`, and what queries raise.
        """
        check_name(name)
        state = self._node.state
        dataset = catalog.find(state.catalog, name)
        if dataset is None:
            raise RefusedError(Refused("dataset_not_found", f"there is no dataset {name}"))
        added = await self._added(dataset)
        rows: list[ObjectOrigin] = []
        for item in dataset.objects:
            matching = await self._matching(state, dataset, item, row) if row is not None else None
            if matching != 0:
                rows.append(_origin(item, matching, added.get(item.blob)))
        return Versioned(DatasetOrigin(dataset.name, state.head.seq, rows), state.head.seq)

    async def _added(self, dataset: Dataset) -> dict[str, tuple[Header, Event]]:
        """For each blob the first event that added it to the dataset since that was last created.

        What was restored was added before the moment that it was restored from.
        """
        found: dict[str, tuple[Header, Event]] = {}
        entity = history.dataset_entity(dataset.name)
        place = self._node.state.history.links.get(entity)
        before = dataset.seq + 1
        while place is not None:
            header, event = await self._node.past.event_at(place)
            if event.seq < before:
                added = _added_by(event, entity)
                found |= dict.fromkeys(added.blobs, (header, event))
                if added.is_first:
                    break
                before = added.before or before
            place, entity = history.previous(event, entity)
        return found

    async def _matching(self, state: State, dataset: Dataset, item: Object, row: str) -> int:
        """How many rows of one object fulfil the condition."""
        objects = QueryObjects(self._objects)
        view = View(dataset.name, objects.urls(state, dataset, (item,)), None)

        async def resolve(names: frozenset[str] | None) -> Mapping[str, View]:
            return {dataset.name.lower(): view}

        # The user's own SQL; whatever it says, the guard admits one statement that only reads.
        condition = _WHERE.sub("", row, count=1)
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {quoted(dataset.name)} WHERE {condition})"  # noqa: S608
        try:
            async with self._engine.run(Query(sql), resolve, objects=objects) as result:
                text = b"".join([chunk async for chunk in result.chunks])
        except RefusedError as error:
            raise RefusedError(objects.failure or error.refused) from error
        return int(msgspec.json.decode(text, type=SqlResult).rows[0][0])


class _Added(msgspec.Struct, frozen=True):
    """What one event added to a dataset. `before`: the event before which the others were added."""

    blobs: tuple[str, ...]
    is_first: bool = False
    before: int | None = None


def _added_by(event: Event, entity: str) -> _Added:
    """What an event, perhaps a change set, added to the dataset that had this name after it."""
    blobs: list[str] = []
    for change in reversed(changes_of(event.data)):
        was = history.origins(change).get(entity)
        if was is None:
            continue
        if isinstance(change, DatasetDropped):
            return _Added(tuple(blobs), is_first=True)
        blobs += [item.blob for item in objects_of(change)]
        if isinstance(change, DatasetRestored):
            return _Added(tuple(blobs), before=change.as_of_seq + 1)
        entity = was
    return _Added(tuple(blobs))


def _origin(item: Object, matching: int | None, added: tuple[Header, Event] | None) -> ObjectOrigin:
    return ObjectOrigin(
        item.key,
        item.size_bytes,
        item.sha256,
        item.row_count,
        _event(*added) if added else None,
        _file(added[1]) if added else None,
        msgspec.UNSET if matching is None else matching,
    )


def _event(header: Header, event: Event) -> OriginEvent:
    return OriginEvent(
        event.seq, header.at, event.type, event.actor, event.reason, event.correlation
    )


def _file(event: Event) -> OriginFile | None:
    data = event.data
    if not isinstance(data, Content | DatasetRestored) or data.source is None:
        return None
    source = data.source
    return OriginFile(source.sha256, source.size_bytes, [*source.options])
