"""Use cases of the past: pins, differences between two moments, and undoing a change."""

import hashlib
from functools import partial

import msgspec

from journal.event_parts import changes_of
from journal.events import DatasetPinned, Event
from lakehouse.api.catalog.datasets import RestoreRequest
from lakehouse.api.history.time_travel import (
    CatalogDiff,
    DiffQuery,
    ListedPin,
    PinReceipt,
    PinRequest,
    Pins,
    RestorePreview,
    Undone,
    UndoRequest,
    UnpinRequest,
)
from lakehouse.api.versioned import Versioned
from lakehouse.commit.node import Node
from lakehouse.domain.access.difference import diff_access
from lakehouse.domain.access.rights import WRITE
from lakehouse.domain.commands import (
    Command,
    LastChange,
    PinDataset,
    RestoreDataset,
    UndoChange,
    UnpinDataset,
)
from lakehouse.domain.decision import DataStep
from lakehouse.domain.diff import diff, diff_definitions
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.rules.undo import inverse, passes_by
from lakehouse.domain.validation import check_name
from lakehouse.service import snapshot
from lakehouse.service.access.permissions import permissions, require, require_undo, shown_to
from lakehouse.service.access.visible import present_for, state_for, visible
from lakehouse.service.caller import Caller
from lakehouse.service.changes import foresee, settle
from lakehouse.service.compaction.rebuilding import Rebuilder
from projections import catalog, history
from projections.fold import State
from projections.states.snapshots import BeyondHead


class TimeTravel:
    """The past of one node's lake."""

    def __init__(self, node: Node, rebuilder: Rebuilder) -> None:
        self._node = node
        self._rebuilder = rebuilder

    async def diff(self, caller: Caller, query: DiffQuery) -> Versioned[CatalogDiff]:
        """What differs between two moments, dataset by dataset. Raises RefusedError `invalid_request`."""
        if not query.first:
            detail = (
                "the parameter from is missing: the earlier moment, an event's number or a time"
            )
            raise RefusedError(Refused("invalid_request", detail))
        was = await state_for(self._node, caller, query.first)
        now = await state_for(self._node, caller, query.last)
        before, after = was.catalog, now.catalog
        views = diff_definitions(before.views, after.views)
        profiles = diff_definitions(before.profiles, after.profiles)
        changed = diff(was, now)
        # What others may do is an admin's to know.
        admin = permissions(self._node, caller).unrestricted
        access = diff_access(was.access, now.access) if admin else []
        sources = diff_definitions(was.sources.live, now.sources.live) if admin else []
        seqs = (was.head.seq, now.head.seq)
        found = CatalogDiff(*seqs, changed, views, profiles, access, sources)
        return Versioned(found, now.head.seq)

    async def pin(
        self, caller: Caller, request: PinRequest, payload: bytes = b""
    ) -> Versioned[PinReceipt]:
        """Protect what a dataset held at a moment from garbage collection.

        Raises RefusedError: `dataset_not_found`, `objects_collected`, and what settle raises.
        """
        check_name(request.name)
        require(self._node, caller, WRITE, request.name)
        await self._node.refresh()
        then = await snapshot.state_as_of(self._node, request.as_of)
        was = snapshot.dataset_in(then, request.name)
        command = PinDataset(then.head.seq, was)
        settled = await settle(self._node, command, caller, _sha256(payload))
        return Versioned(PinReceipt(was.name, then.head.seq, settled.seq), settled.seq)

    async def unpin(
        self, caller: Caller, request: UnpinRequest, payload: bytes = b""
    ) -> Versioned[PinReceipt]:
        """Remove a pin. Raises RefusedError: `forbidden`, `pin_not_found`."""
        check_name(request.name)
        require(self._node, caller, WRITE, request.name)
        command = UnpinDataset(request.name, request.as_of_seq)
        settled = await settle(self._node, command, caller, _sha256(payload))
        receipt = PinReceipt(request.name, request.as_of_seq, settled.seq)
        return Versioned(receipt, settled.seq)

    async def pins(self, caller: Caller) -> Versioned[Pins]:
        """All pins, with who made them and why."""
        state = present_for(self._node, caller)
        rows: list[ListedPin] = []
        for called, (seq, blobs) in sorted(state.inventory.pins.items(), key=lambda pin: pin[1][0]):
            name, _, as_of = called.rpartition("@")
            event, at = await self._event(seq)
            name = _spelled(state, name, event)
            rows.append(ListedPin(name, int(as_of), len(blobs), seq, at, event.actor, event.reason))
        return Versioned(Pins(rows), state.head.seq)

    async def undo(
        self, caller: Caller, request: UndoRequest, payload: bytes = b""
    ) -> Versioned[Undone]:
        """Make the inverse of one change, or report it.

        Raises RefusedError: `event_not_found`, `cannot_undo` where there is no inverse,
        `undo_conflict` where a later event changed the same thing, and what settle raises.
        """
        await self._node.refresh()
        command = await self._inverse(caller, request.seq)
        if request.dry_run:
            return await self._dry_run(caller, command)
        settled = await settle(self._node, command, caller, _sha256(payload), self._advance)
        before = await self._node.past.state_at(settled.seq - 1)
        type_ = settled.event.type if settled.event else None
        seen = (self._seen(caller, before), self._seen(caller, settled.state))
        return _undone(command, type_, *seen, settled.seq, dry_run=False)

    async def preview_restore(
        self, caller: Caller, request: RestoreRequest
    ) -> Versioned[RestorePreview]:
        """What restoring a dataset would change now; nothing is committed.

        Raises RefusedError as `Catalog.restore` does.
        """
        check_name(request.name)
        require(self._node, caller, WRITE, request.name)
        await self._node.refresh()
        then = await snapshot.state_as_of(self._node, request.as_of)
        was = snapshot.dataset_in(then, request.name)
        foreseen = await foresee(self._node, RestoreDataset(then.head.seq, was))
        if foreseen.refused is not None:
            raise RefusedError(foreseen.refused)
        before, after = self._seen(caller, foreseen.before), self._seen(caller, foreseen.after)
        type_ = foreseen.event.type if foreseen.event else None
        seq = before.head.seq
        found = RestorePreview(was.name, then.head.seq, type_, diff(before, after), seq)
        return Versioned(found, seq)

    def _seen(self, caller: Caller, state: State) -> State:
        return visible(state, permissions(self._node, caller))

    async def _inverse(self, caller: Caller, seq: int) -> UndoChange:
        try:
            event, _ = await self._event(seq)
        except BeyondHead as error:
            raise RefusedError(Refused("event_not_found", str(error))) from error
        require_undo(self._node, caller, changes_of(event.data))
        undone = inverse(event.data, await self._node.past.state_at(seq - 1))
        if isinstance(undone, Refused):
            raise RefusedError(undone)
        return UndoChange(seq, event.data, undone)

    async def _dry_run(self, caller: Caller, command: UndoChange) -> Versioned[Undone]:
        """What it would do now: decided and folded, and not committed."""
        foreseen = await foresee(self._node, command, partial(self._advance, dry_run=True))
        if foreseen.refused is not None:
            raise RefusedError(shown_to(permissions(self._node, caller), foreseen.refused))
        type_ = foreseen.event.type if foreseen.event else None
        before, after = self._seen(caller, foreseen.before), self._seen(caller, foreseen.after)
        return _undone(command, type_, before, after, before.head.seq, dry_run=True)

    async def _advance(self, command: Command, step: DataStep, *, dry_run: bool = False) -> Command:
        if isinstance(command, UndoChange) and step is DataStep.FIND_LAST_CHANGE:
            return await self._with_last_changes(command)
        if isinstance(command, UndoChange) and step is DataStep.REBUILD:
            return await self._rebuilder.rebuilt(command, dry_run=dry_run)
        raise ValueError(f"an undo has no step {step}")

    async def _with_last_changes(self, command: UndoChange) -> UndoChange:
        """The command with the last change of each dataset: pins and erasures are not such changes."""
        entities = history.origins(command.did)
        found = [await self._last_change(command, entity) for entity in entities]
        return msgspec.structs.replace(command, last_changes=tuple(found))

    async def _last_change(self, command: UndoChange, entity: str) -> LastChange:
        """The last change of an entity's rows or schema, at or after the event that is undone."""
        place = last = self._node.state.history.links[entity]
        while place[1] > command.seq:
            _, event = await self._node.past.event_at(place)
            earlier, _ = history.previous(event, entity)
            if earlier is None or not passes_by(command, event.data, entity):
                break
            place = earlier
        return LastChange(entity, last[1], place[1])

    async def _event(self, seq: int) -> tuple[Event, str]:
        header, event = await self._node.past.event(seq)
        return event, header.at


def _undone(
    command: UndoChange, type_: str | None, before: State, after: State, seq: int, *, dry_run: bool
) -> Versioned[Undone]:
    """`type_` is that of the event that undoes it; None if everything is as before already."""
    found = Undone(
        dry_run,
        command.seq,
        command.did.TYPE,
        type_,
        diff(before, after),
        getattr(command.did, "key", None),
        seq,
    )
    return Versioned(found, seq)


def _spelled(state: State, name: str, event: Event) -> str:
    """The name of a pinned dataset as its dataset has it now, else as its pin has it."""
    live = catalog.find(state.catalog, name)
    pinned = event.data.name if isinstance(event.data, DatasetPinned) else name
    return live.name if live else pinned if pinned.lower() == name else name


def _sha256(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()
