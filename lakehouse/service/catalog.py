"""The catalog: register, show, list and drop datasets, and what happened to each."""

import hashlib

from journal.events import DatasetDropped
from lakehouse.api import receipts
from lakehouse.api.receipts import Listing, Receipt
from lakehouse.commit.node import Node
from lakehouse.domain.commands import DropDataset, RegisterDataset, RestoreDataset
from lakehouse.domain.errors import Body, Refused, RefusedError
from lakehouse.domain.validation import check_fingerprint, check_name
from lakehouse.service import snapshot
from lakehouse.service.caller import Caller
from lakehouse.service.changes import NOTHING_SHA256, settle
from projections import catalog, history
from projections.catalog import Dataset
from projections.fold import State

MAX_OBJECTS = 10_000


class Catalog:
    """Datasets by name."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def register(self, command: RegisterDataset, caller: Caller, payload: bytes) -> Receipt:
        """Make a dataset over the current versions of keys; its manifest.

        Raises RefusedError: `empty_name`, `empty_fingerprint`, `invalid_name`, `invalid_request`,
        `name_taken`, `fingerprint_conflict`, `object_missing`, and what settle raises.
        """
        check_name(command.name)
        check_fingerprint(command.schema_fingerprint)
        _check_keys(command.keys)
        settled = await settle(self._node, command, caller, hashlib.sha256(payload).hexdigest())
        dataset = _live(settled.state, command.name)
        return Receipt(receipts.manifest(dataset, settled.state.inventory), settled.seq)

    async def drop(self, name: str, caller: Caller) -> Receipt:
        """Let a dataset be no more: {name, dataset_id, seq}. Raises `dataset_not_found`."""
        check_name(name)
        settled = await settle(self._node, DropDataset(name), caller, NOTHING_SHA256)
        if settled.event is None or not isinstance(settled.event.data, DatasetDropped):
            raise RefusedError(Refused("internal_error", "a drop made no event"))
        dropped = settled.event.data
        body: Body = {
            "name": dropped.name,
            "dataset_id": dropped.dataset_id,
            "seq": settled.seq,
        }
        return Receipt(body, settled.seq)

    async def restore(self, name: str, as_of: str | int, caller: Caller, payload: bytes) -> Receipt:
        """Make a dataset again what it was as of an event or a time; its manifest.

        Raises RefusedError: `dataset_not_found` (there was none then), `name_taken`,
        `objects_collected`, and what state_as_of and settle raise.
        """
        check_name(name)
        # A time means the last event before it, which another node may just have committed.
        await self._node.refresh()
        then = await snapshot.state_as_of(self._node, as_of)
        was = catalog.find(then.catalog, name)
        if was is None:
            detail = f"there was no dataset {name} as of event {then.head.seq}"
            raise RefusedError(Refused("dataset_not_found", detail))
        command = RestoreDataset(then.head.seq, was)
        settled = await settle(self._node, command, caller, hashlib.sha256(payload).hexdigest())
        dataset = _live(settled.state, name)
        return Receipt(receipts.manifest(dataset, settled.state.inventory), settled.seq)

    async def manifest(self, name: str, as_of: str | None) -> Receipt:
        """A dataset's manifest, and the seq of the state that it was read from."""
        check_name(name)
        state = await snapshot.state_as_of(self._node, as_of)
        return Receipt(receipts.manifest(_live(state, name), state.inventory), state.head.seq)

    async def list(self, after: str, limit: int, as_of: str | None, *, summary: bool) -> Listing:
        """Up to `limit` manifests of datasets whose names sort after `after`, in name order."""
        state = await snapshot.state_as_of(self._node, as_of)
        found = catalog.in_name_order(state.catalog, after)
        page = found[:limit]
        rows = [
            receipts.summary(dataset) if summary else receipts.manifest(dataset, state.inventory)
            for dataset in page
        ]
        return Listing(rows, page[-1].name if len(found) > limit else None, state.head.seq)

    async def history(self, name: str, after: int, limit: int) -> Listing:
        """Events about a name in any spelling, oldest first, those with a seq above `after`.

        Costs as many reads as the name has events: they are linked. Raises `dataset_not_found`.
        """
        check_name(name)
        state, entity = self._node.state, history.dataset_entity(name)
        place = state.history.links.get(entity)
        if place is None:
            raise RefusedError(Refused("dataset_not_found", f"nothing ever had the name {name}"))
        rows: list[Body] = []
        while place is not None and place[1] > after:
            header, event = await self._node.past.event_at(place)
            rows.append(receipts.event(header, event))
            place, entity = history.previous(event, entity)
        rows.reverse()
        more = rows[limit - 1]["seq"] if len(rows) > limit else None
        return Listing(rows[:limit], more, state.head.seq)


def _live(state: State, name: str) -> Dataset:
    dataset = catalog.find(state.catalog, name)
    if dataset is None:
        raise RefusedError(Refused("dataset_not_found", f"there is no dataset {name}"))
    return dataset


def _check_keys(keys: tuple[str, ...]) -> None:
    if len(keys) > MAX_OBJECTS:
        detail = f"{len(keys):,} objects; at most {MAX_OBJECTS:,} are allowed"
        raise RefusedError(Refused("invalid_request", detail))
    if len(set(keys)) < len(keys):
        raise RefusedError(
            Refused("invalid_request", "a key is listed twice: its rows would be too")
        )
