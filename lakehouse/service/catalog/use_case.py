"""The catalog: register, show, list, drop and restore datasets, and the history of each."""

import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

from journal.events import DatasetDropped
from lakehouse.api.catalog.datasets import (
    DatasetPage,
    Dropped,
    HistoryQuery,
    ListDatasetsQuery,
    Manifest,
    ManifestPage,
    RegisterRequest,
    RestoreRequest,
    ShowDatasetQuery,
)
from lakehouse.api.console.history import LatestHistory, LatestHistoryQuery
from lakehouse.api.console.overview import DatasetGlance, Overview, OverviewQuery
from lakehouse.api.history.journal import EventPage, JournalEvent
from lakehouse.api.versioned import Versioned
from lakehouse.commit.node import Node
from lakehouse.domain.access.rights import WRITE
from lakehouse.domain.commands import DropDataset, RegisterDataset, RestoreDataset
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.rules.datasets import object_missing
from lakehouse.domain.validation import check_fingerprint, check_name
from lakehouse.service import presentation, snapshot
from lakehouse.service.access.permissions import Permissions, permissions, require
from lakehouse.service.access.visible import present_for, visible_event
from lakehouse.service.caller import Caller
from lakehouse.service.catalog.profiles import under
from lakehouse.service.changes import NOTHING_SHA256, Settled, settle
from lakehouse.service.index.entity_chains import EntityChains, Read
from projections import catalog, history
from projections.catalog import Dataset
from projections.fold import State
from projections.inventory import Inventory

MAX_OBJECTS = 10_000


class Catalog:
    """Datasets by name."""

    def __init__(self, node: Node, chains: EntityChains) -> None:
        self._node = node
        self._chains = chains

    async def register(
        self, caller: Caller, request: RegisterRequest, payload: bytes
    ) -> Versioned[Manifest]:
        """Create a dataset over the current versions of keys. `payload`: the request as sent.

        Raises RefusedError: `empty_name`, `empty_fingerprint`, `invalid_name`, `invalid_request`,
        `name_taken`, `fingerprint_conflict`, `object_missing`, and what settle raises.
        """
        command = register_command(request)
        check_register(self._node, caller, command)
        settled = await settle(self._node, command, caller, _sha256(payload))
        return _manifest(settled, request.name)

    async def drop(self, caller: Caller, name: str) -> Versioned[Dropped]:
        """Drop a dataset. Raises RefusedError: `forbidden`, `dataset_not_found`."""
        check_name(name)
        require(self._node, caller, WRITE, name)
        settled = await settle(self._node, DropDataset(name), caller, NOTHING_SHA256)
        if settled.event is None or not isinstance(settled.event.data, DatasetDropped):
            raise RefusedError(Refused("internal_error", "a drop made no event"))
        dropped = settled.event.data
        return Versioned(Dropped(dropped.name, dropped.dataset_id, settled.seq), settled.seq)

    async def restore(
        self, caller: Caller, request: RestoreRequest, payload: bytes = b""
    ) -> Versioned[Manifest]:
        """Restore a dataset to what it was as of an event or a time. `payload`: the request as sent.

        Raises RefusedError: `dataset_not_found` (there was none then), `name_taken`,
        `objects_collected`, and what state_as_of and settle raise.
        """
        check_name(request.name)
        require(self._node, caller, WRITE, request.name)
        # A time means the last event before it, which another node may just have committed.
        await self._node.refresh()
        then = await snapshot.state_as_of(self._node, request.as_of)
        command = RestoreDataset(then.head.seq, snapshot.dataset_in(then, request.name))
        settled = await settle(self._node, command, caller, _sha256(payload))
        return _manifest(settled, request.name)

    async def manifest(
        self, caller: Caller, name: str, query: ShowDatasetQuery
    ) -> Versioned[ManifestPage]:
        """A dataset's manifest, or a page of its objects. Raises RefusedError `dataset_not_found`."""
        check_name(name)
        state = await snapshot.state_as_of(self._node, query.as_of)
        held = permissions(self._node, caller)
        shown = await under(self._node, held, query.profile, state)
        dataset = shown.get(name.lower())
        if dataset is None:
            raise RefusedError(Refused("dataset_not_found", f"there is no dataset {name}"))
        inventory = self._inventory(state, query.profile or held.profile)
        found = presentation.manifest_page(dataset, inventory, query.after, query.limit)
        return Versioned(found, state.head.seq)

    async def list(self, caller: Caller, query: ListDatasetsQuery) -> Versioned[DatasetPage]:
        """A page of datasets in the order of their names."""
        state = await snapshot.state_as_of(self._node, query.as_of)
        held = permissions(self._node, caller)
        shown = await under(self._node, held, query.profile, state)
        later = (dataset for dataset in shown.values() if dataset.name > query.after)
        found = sorted(later, key=lambda dataset: dataset.name)
        page = found[: query.limit]
        profile = query.profile or held.profile
        inventory = None if query.summary else self._inventory(state, profile)
        rows = [presentation.listed_dataset(dataset, inventory) for dataset in page]
        more = page[-1].name if len(found) > query.limit else None
        return Versioned(DatasetPage(rows, state.head.seq, more), state.head.seq)

    async def overview(self, caller: Caller, query: OverviewQuery) -> Versioned[Overview]:
        """The datasets whose name has `search` in it, a part of them, with their sizes."""
        state = await snapshot.state_as_of(self._node, query.as_of)
        held = permissions(self._node, caller)
        shown = await under(self._node, held, None, state)
        wanted = query.search.strip().lower()
        matching = [each for name, each in shown.items() if wanted in name]
        ordered = presentation.in_order(matching, query.order)
        page = ordered[query.skip : query.skip + query.limit]
        rows = [presentation.glance(dataset) for dataset in page]
        return Versioned(Overview(rows, len(matching), len(shown)), state.head.seq)

    async def glance(
        self, caller: Caller, name: str, as_of: str | None
    ) -> Versioned[DatasetGlance]:
        """One dataset with its sizes. Raises RefusedError `dataset_not_found`."""
        check_name(name)
        state = await snapshot.state_as_of(self._node, as_of)
        shown = await under(self._node, permissions(self._node, caller), None, state)
        dataset = shown.get(name.lower())
        if dataset is None:
            raise RefusedError(Refused("dataset_not_found", f"there is no dataset {name}"))
        return Versioned(presentation.glance(dataset), state.head.seq)

    def _inventory(self, state: State, profile: object) -> Inventory:
        """What knows the objects of a state; under a profile they may be of any moment that is kept."""
        return state.inventory if profile is None else self._node.state.inventory

    async def history(self, caller: Caller, name: str, query: HistoryQuery) -> Versioned[EventPage]:
        """A page of the events about a name in any spelling, oldest first.

        Costs a read for each event of the page; the links between all of them are followed once.
        Raises `dataset_not_found`.
        """
        seq, held = self._node.state.head.seq, permissions(self._node, caller)
        events = self._chains.oldest_first(self._entity(held, name), query.after)
        rows, has_more = await _first_visible(events, held, query.limit)
        return Versioned(EventPage(rows, rows[-1].seq if has_more else None), seq)

    async def latest_history(
        self, caller: Caller, name: str, query: LatestHistoryQuery
    ) -> Versioned[LatestHistory]:
        """The newest events about a name, of those before one. Raises `dataset_not_found`.

        Costs a read for each event of the page; the links from the last event on are followed once.
        """
        seq, held = self._node.state.head.seq, permissions(self._node, caller)
        events = self._chains.newest_first(self._entity(held, name), query.before)
        rows, has_older = await _first_visible(events, held, query.limit)
        return Versioned(LatestHistory(rows, has_older=has_older), seq)

    def _entity(self, held: Permissions, name: str) -> str:
        """The entity of a name that has events. Raises RefusedError `dataset_not_found`."""
        check_name(name)
        entity = history.dataset_entity(name)
        if not held.sees(name) or self._chains.newest(entity) is None:
            raise RefusedError(Refused("dataset_not_found", f"there never was a dataset {name}"))
        return entity


async def _first_visible(
    events: AsyncGenerator[Read, None], held: Permissions, limit: int
) -> tuple[list[JournalEvent], bool]:
    """The first `limit` events that the caller may see, and whether more of these follow."""
    rows = list[JournalEvent]()
    async with aclosing(events) as found:
        async for header, event in found:
            shown = visible_event(event, held)
            if shown is None:
                continue
            if len(rows) == limit:
                return rows, True
            rows.append(presentation.journal_event(header, shown))
    return rows, False


def _manifest(settled: Settled, name: str) -> Versioned[Manifest]:
    state = settled.state
    return Versioned(presentation.manifest(_live(state, name), state.inventory), settled.seq)


def _live(state: State, name: str) -> Dataset:
    dataset = catalog.find(state.catalog, name)
    if dataset is None:
        raise RefusedError(Refused("dataset_not_found", f"there is no dataset {name}"))
    return dataset


def check_register(node: Node, caller: Caller, command: RegisterDataset) -> None:
    """Raises RefusedError: `forbidden`; `object_missing` for keys that the caller may not read."""
    require(node, caller, WRITE, command.name)
    known = present_for(node, caller).inventory.keys
    missing = [key for key in command.keys if key not in known]
    if missing and not permissions(node, caller).unrestricted:
        raise RefusedError(object_missing(missing))


def register_command(request: RegisterRequest) -> RegisterDataset:
    """The command of a request. Raises RefusedError as Catalog.register does."""
    check_name(request.name)
    check_fingerprint(request.schema_fingerprint)
    keys = tuple(item.key for item in request.objects)
    _check_keys(keys)
    return RegisterDataset(request.name, request.schema_fingerprint, keys, request.row_count)


def _check_keys(keys: tuple[str, ...]) -> None:
    if len(keys) > MAX_OBJECTS:
        detail = f"{len(keys):,} objects; at most {MAX_OBJECTS:,} are allowed"
        raise RefusedError(Refused("invalid_request", detail))
    if len(set(keys)) < len(keys):
        detail = "a key is listed twice; its rows would be counted twice"
        raise RefusedError(Refused("invalid_request", detail))


def _sha256(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()
