"""The journal as far as it can be read, where slots are damaged.

Owns which events are on a list beside the damage. Must never answer a read of the API: those are proved
whole, or refused.
"""

from contextlib import aclosing

from journal.bucket.keys import slot_key
from journal.descent import DamagedSlot, descend
from journal.event_lines import open_envelope
from journal.events import Event
from journal.slot import Header, JournalCorrupt, SealedSlot, envelopes, event_in
from lakehouse.api.console.journal import EventGlance, LatestEvents, LatestEventsQuery, SlotDamage
from lakehouse.commit.node import Node
from lakehouse.service import presentation
from lakehouse.service.access.permissions import Permissions
from lakehouse.service.access.visible import visible_event
from projections import history

SCANNED_SLOTS = 1_000
"""How many slots are read at most for one list."""
NEAR = 20
"""How many slots above a damaged one are read."""


async def readable_events(
    node: Node, held: Permissions, query: LatestEventsQuery, last: int
) -> LatestEvents:
    """The newest events up to `last` that can be read, newest first, and the damage among them."""
    found, damage = list[EventGlance](), list[SlotDamage]()
    broken, first, read = list[DamagedSlot](), last + 1, 0
    async with aclosing(
        descend(node.follower.journal, node.state.head, _above(node, last))
    ) as slots:
        async for slot in slots:
            read += 1
            rows = _glances(slot, held, query) if isinstance(slot, SealedSlot) else None
            if isinstance(slot, DamagedSlot) or rows is None:
                broken.append(_damaged(slot))
                continue
            damage += _between(broken, slot.header.first_seq + slot.header.events, first - 1)
            broken, first = [], min(first, slot.header.first_seq)
            found += [each for each in reversed(rows) if each.seq <= last]
            if len(found) >= query.most or read >= SCANNED_SLOTS:
                break
    if broken:
        damage, first = damage + _between(broken, 1, first - 1), 1
    if len(found) > query.most:
        found, first = found[: query.most], found[query.most - 1].seq
    return LatestEvents(found, first, last, [each for each in damage if each.last >= first])


async def readable_event(node: Node, seq: int) -> tuple[Header, Event]:
    """An event of a journal that has damaged slots. Raises JournalCorrupt if it is in one of them."""
    broken: DamagedSlot | None = None
    async with aclosing(
        descend(node.follower.journal, node.state.head, _above(node, seq))
    ) as slots:
        async for slot in slots:
            if isinstance(slot, DamagedSlot):
                broken = slot
            elif slot.header.first_seq + slot.header.events <= seq:
                break
            elif slot.header.first_seq <= seq:
                return slot.header, event_in(slot, seq)
    position, reason = (broken.position, broken.reason) if broken else (0, f"no event {seq}")
    raise JournalCorrupt(position, reason)


async def seq_above(node: Node, position: int) -> int:
    """The number after the last event of the nearest readable slot above a position, or of the head."""
    head, above = node.state.head, node.state.head.seq
    top = min(position + NEAR, head.position)
    async with aclosing(descend(node.follower.journal, head, top)) as slots:
        async for slot in slots:
            if isinstance(slot, DamagedSlot):
                continue
            if slot.header.position <= position:
                break
            above = slot.header.first_seq + slot.header.events - 1
    return above + 1


def _above(node: Node, seq: int) -> int:
    """A position that is not below the slot of an event."""
    return history.between(node.state.history, seq, node.state.head.position)[1]


def _glances(
    slot: SealedSlot, held: Permissions, query: LatestEventsQuery
) -> list[EventGlance] | None:
    """The events of a slot that pass the query and the caller may see; None if they do not decode."""
    entity = history.dataset_entity(query.dataset) if query.dataset else None
    found = list[EventGlance]()
    try:
        for envelope in envelopes(slot):
            if query.type not in (None, envelope.type):
                continue
            event = envelope if held.unrestricted else visible_event(open_envelope(envelope), held)
            if event and (entity is None or entity in {each.entity for each in event.about}):
                found.append(presentation.event_glance(slot.header, event))
    except JournalCorrupt:
        return None
    return found


def _damaged(slot: SealedSlot | DamagedSlot) -> DamagedSlot:
    if isinstance(slot, DamagedSlot):
        return slot
    return DamagedSlot(slot.header.position, "an event of it does not decode", None)


def _between(broken: list[DamagedSlot], first: int, last: int) -> list[SlotDamage]:
    """The damaged slots, newest first, that hold the events `first` to `last` together."""
    return [
        SlotDamage(
            each.position, slot_key(each.position), each.reason, each.sha256, min(first, last), last
        )
        for each in broken
    ]
