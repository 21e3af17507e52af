"""What was, put to use: pins, differences between two moments, and the undoing of one change."""

import hashlib

import msgspec

from journal.events import DatasetPinned, DatasetUnpinned, Event
from lakehouse.api.receipts import Receipt
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Command, LastChange, PinDataset, UndoChange, UnpinDataset
from lakehouse.domain.decision import DataStep
from lakehouse.domain.diff import diff
from lakehouse.domain.errors import Body, Json, Refused, RefusedError
from lakehouse.domain.undo_rules import inverse
from lakehouse.domain.validation import check_name
from lakehouse.service import snapshot
from lakehouse.service.caller import Caller
from lakehouse.service.changes import foresee, settle
from projections import catalog, history
from projections.fold import State
from projections.snapshots import BeyondHead


class TimeTravel:
    """The past of one node's lake."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def diff(self, first: str | int, last: str | int | None) -> Receipt:
        """What differs between two moments, dataset by dataset: {from, to, datasets}."""
        was = await snapshot.state_as_of(self._node, first)
        now = await snapshot.state_as_of(self._node, last)
        rows: list[Json] = [*diff(was, now)]
        body: Body = {"from": was.head.seq, "to": now.head.seq, "datasets": rows}
        return Receipt(body, now.head.seq)

    async def pin(self, name: str, as_of: str | int, caller: Caller, payload: bytes) -> Receipt:
        """Keep what a dataset was then: {name, as_of_seq, seq}.

        Raises RefusedError: `dataset_not_found`, `objects_collected`, and what settle raises.
        """
        check_name(name)
        await self._node.refresh()
        then = await snapshot.state_as_of(self._node, as_of)
        was = catalog.find(then.catalog, name)
        if was is None:
            detail = f"there was no dataset {name} as of event {then.head.seq}"
            raise RefusedError(Refused("dataset_not_found", detail))
        command = PinDataset(then.head.seq, was)
        settled = await settle(self._node, command, caller, _sha256(payload))
        return _pinned(was.name, then.head.seq, settled.seq)

    async def unpin(self, name: str, as_of: int, caller: Caller, payload: bytes) -> Receipt:
        """Keep it no longer: {name, as_of_seq, seq}. Raises RefusedError `pin_not_found`."""
        check_name(name)
        settled = await settle(self._node, UnpinDataset(name, as_of), caller, _sha256(payload))
        return _pinned(name, as_of, settled.seq)

    async def pins(self) -> Receipt:
        """Every pin with who made it and why: {pins: [{name, as_of_seq, objects, seq, …}]}."""
        state = self._node.state
        rows: list[Json] = []
        for called, (seq, blobs) in sorted(state.inventory.pins.items(), key=lambda pin: pin[1][0]):
            name, _, as_of = called.rpartition("@")
            event, at = await self._event(seq)
            rows.append(
                {
                    "name": getattr(event.data, "name", name),
                    "as_of_seq": int(as_of),
                    "objects": len(blobs),
                    "seq": seq,
                    "at": at,
                    "actor": event.actor,
                    "reason": event.reason,
                }
            )
        return Receipt({"pins": rows}, state.head.seq)

    async def undo(self, seq: int, caller: Caller, payload: bytes, *, dry_run: bool) -> Receipt:
        """Do the inverse of one change: {dry_run, undoes, type, datasets, seq}.

        Raises RefusedError: `event_not_found`, `cannot_undo` where there is no inverse,
        `undo_conflict` where something came later, and what settle raises.
        """
        await self._node.refresh()
        command = await self._inverse(seq)
        if dry_run:
            foreseen = await foresee(self._node, command, self._find_last_change)
            if foreseen.refused is not None:
                raise RefusedError(foreseen.refused)
            type_ = foreseen.event.type if foreseen.event else None
            before, seq = foreseen.before, foreseen.before.head.seq
            return _undone(command, type_, before, foreseen.after, seq, dry_run=True)
        settled = await settle(
            self._node, command, caller, _sha256(payload), self._find_last_change
        )
        before = await self._node.past.state_at(settled.seq - 1)
        type_ = settled.event.type if settled.event else None
        return _undone(command, type_, before, settled.state, settled.seq, dry_run=False)

    async def _inverse(self, seq: int) -> UndoChange:
        try:
            event, _ = await self._event(seq)
        except BeyondHead as error:
            raise RefusedError(Refused("event_not_found", str(error))) from error
        undone = inverse(event.data, await self._node.past.state_at(seq - 1))
        if isinstance(undone, Refused):
            raise RefusedError(undone)
        return UndoChange(seq, event.data, undone)

    async def _find_last_change(self, command: Command, step: DataStep) -> Command:
        """The command with the last change of each dataset's rows or schema: pins are not such changes."""
        if not isinstance(command, UndoChange) or step is not DataStep.FIND_LAST_CHANGE:
            raise ValueError(f"an undo has no step {step}")
        entities = history.origins(command.did)
        found = [await self._last_change(entity, command.seq) for entity in entities]
        return msgspec.structs.replace(command, last_changes=tuple(found))

    async def _last_change(self, entity: str, seq: int) -> LastChange:
        """The last change of an entity's rows or schema, at or after event `seq`."""
        place = last = self._node.state.history.links[entity]
        while place[1] > seq:
            _, event = await self._node.past.event_at(place)
            earlier, _ = history.previous(event, entity)
            if earlier is None or not isinstance(event.data, DatasetPinned | DatasetUnpinned):
                break
            place = earlier
        return LastChange(entity, last[1], place[1])

    async def _event(self, seq: int) -> tuple[Event, str]:
        header, event = await self._node.past.event(seq)
        return event, header.at


def _undone(
    command: UndoChange, type_: str | None, before: State, after: State, seq: int, *, dry_run: bool
) -> Receipt:
    """`type` is that of the event which undoes it; null where everything is as before already."""
    rows: list[Json] = [*diff(before, after)]
    body: Body = {
        "dry_run": dry_run,
        "undoes": command.seq,
        "undone_type": command.did.TYPE,
        "type": type_,
        "datasets": rows,
        "key": getattr(command.did, "key", None),
        "seq": seq,
    }
    return Receipt(body, seq)


def _pinned(name: str, as_of_seq: int, seq: int) -> Receipt:
    return Receipt({"name": name, "as_of_seq": as_of_seq, "seq": seq}, seq)


def _sha256(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()
