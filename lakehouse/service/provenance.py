"""Why a dataset holds what it holds: which event, which upload and which object brought its rows."""

import re
from collections.abc import Mapping

import msgspec

from journal.event_parts import changes_of, objects_of
from journal.events import DatasetDropped, DatasetRestored, Event, Object
from lakehouse.api import receipts
from lakehouse.api.receipts import Receipt
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Body, Json, Refused, RefusedError
from lakehouse.domain.validation import check_name
from lakehouse.query.engine import Query, QueryEngine
from projections import catalog, history
from projections.catalog import Dataset
from projections.views import View, quoted

_WHERE = re.compile(r"\s*where\b", re.IGNORECASE)


class Provenance:
    """Asks the journal, and for single rows the objects."""

    def __init__(self, node: Node, engine: QueryEngine) -> None:
        self._node = node
        self._engine = engine

    async def why(self, name: str, row: str | None) -> Receipt:
        """Each object of a live dataset with the event that brought it; only those with such rows.

        `row` is a condition in SQL, with or without its WHERE. Costs the dataset's own history, and
        a query for each object. Raises RefusedError: `dataset_not_found`, and what queries raise.
        """
        check_name(name)
        state = self._node.state
        dataset = catalog.find(state.catalog, name)
        if dataset is None:
            raise RefusedError(Refused("dataset_not_found", f"there is no dataset {name}"))
        brought = await self._brought(dataset)
        rows: list[Json] = []
        for item in dataset.objects:
            matching = await self._matching(dataset, item, row) if row is not None else None
            if matching != 0:
                rows.append(_row(item, matching, brought.get(item.blob)))
        body: Body = {"name": dataset.name, "seq": state.head.seq, "objects": rows}
        return Receipt(body, state.head.seq)

    async def _brought(self, dataset: Dataset) -> dict[str, Body]:
        """For each blob the first event that gave it to the dataset since that was last made anew.

        What was restored came from before the moment that it was restored from, whatever lies between.
        """
        found: dict[str, Body] = {}
        entity = history.dataset_entity(dataset.name)
        place = self._node.state.history.links.get(entity)
        before = dataset.seq + 1
        while place is not None:
            header, event = await self._node.past.event_at(place)
            if event.seq < before:
                detail = receipts.event(header, event)
                brought = _brought_by(event, entity)
                found |= dict.fromkeys(brought.blobs, detail)
                if brought.is_first:
                    break
                before = brought.before or before
            place, entity = history.previous(event, entity)
        return found

    async def _matching(self, dataset: Dataset, item: Object, row: str) -> int:
        """How many rows of one object fulfil the condition."""
        view = View(dataset.name, (self._node.bucket.locate(item.blob),), None)

        async def resolve(names: frozenset[str] | None) -> Mapping[str, View]:
            return {dataset.name.lower(): view}

        # The user's own SQL; whatever it says, the guard lets one statement through that only reads.
        condition = _WHERE.sub("", row, count=1)
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {quoted(dataset.name)} WHERE {condition})"  # noqa: S608
        async with self._engine.run(Query(sql), resolve) as result:
            text = b"".join([chunk async for chunk in result.chunks])
        return int(msgspec.json.decode(text)["rows"][0][0])


class _Brought(msgspec.Struct, frozen=True):
    """What one event gave to a dataset. `before`: where its other objects came from, if restored."""

    blobs: tuple[str, ...]
    is_first: bool = False
    before: int | None = None


def _brought_by(event: Event, entity: str) -> _Brought:
    """What an event, perhaps a change set, gave to what had the entity's name after it."""
    blobs: list[str] = []
    for change in reversed(changes_of(event.data)):
        was = history.origins(change).get(entity)
        if was is None:
            continue
        if isinstance(change, DatasetDropped):
            return _Brought(tuple(blobs), is_first=True)
        blobs += [item.blob for item in objects_of(change)]
        if isinstance(change, DatasetRestored):
            return _Brought(tuple(blobs), before=change.as_of_seq + 1)
        entity = was
    return _Brought(tuple(blobs))


def _row(item: Object, matching: int | None, event: Body | None) -> Body:
    data = event["data"] if event else None
    source = data.get("source") if isinstance(data, dict) else None
    detail = ("seq", "at", "type", "actor", "reason", "correlation")
    body: Body = {
        "key": item.key,
        "size_bytes": item.size_bytes,
        "sha256": item.sha256,
        "row_count": item.row_count,
        "event": {name: event[name] for name in detail} if event else None,
        "source": source,
    }
    return body if matching is None else body | {"matching_rows": matching}
