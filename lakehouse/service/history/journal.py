"""The journal as users see it: its head, its events in order, and waiting for an event."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from importlib.metadata import version

import msgspec

from journal.events import Event
from journal.slot import Head, JournalCorrupt, Slot, check_link, expect_same
from lakehouse.api.audit.entries import OcsfPage
from lakehouse.api.console.journal import EventGlance, LatestEvents, LatestEventsQuery
from lakehouse.api.history.journal import EventPage, JournalEvent, JournalHead, ListEventsQuery
from lakehouse.api.versioned import Versioned
from lakehouse.audit import ocsf
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service import presentation, snapshot
from lakehouse.service.access.permissions import Permissions, permissions
from lakehouse.service.access.visible import visible_event
from lakehouse.service.caller import Caller
from projections import history

SCANNED_SLOTS = 1_000
"""How many slots one page reads at most to find events that pass a filter."""
PAGE_BYTES = 9 * 1024 * 1024
"""How many bytes of events a page holds at most, unless its one event has more."""
MIN_SEQ_WAIT_S = 5.0
"""How long a read waits for the event that it must include."""


class JournalReads:
    """Reads of the journal itself, up to this node's head."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def wait_for(self, seq: int) -> None:
        """Wait until this node has read event `seq`. Raises RefusedError `not_caught_up`."""
        await self._node.wait_for_seq(seq, MIN_SEQ_WAIT_S)

    def head(self, caller: Caller) -> Versioned[JournalHead]:
        """The last event and its slot."""
        head = self._node.state.head
        return Versioned(presentation.journal_head(head), head.seq)

    async def events(self, caller: Caller, query: ListEventsQuery) -> Versioned[EventPage]:
        """A page of the events that pass both filters, oldest first.

        A page may hold fewer than `limit`, even none, and still have a `next`: it reads only so
        many slots, and holds at most PAGE_BYTES or one event.
        """
        head = self._node.state.head
        if query.after >= head.seq:
            return Versioned(EventPage([], None), head.seq)
        rows: list[JournalEvent] = []
        size_bytes = 0
        first = (await self._node.past.slot_of(query.after + 1)).header.position
        last = min(head.position, first + SCANNED_SLOTS - 1)
        read_to = query.after
        async with aclosing(self._proven(first, head)) as slots:
            async for slot in slots:
                if slot.header.position > last:
                    break
                read_to = slot.head.seq
                for event in _passing(slot, query, permissions(self._node, caller)):
                    row = presentation.journal_event(slot.header, event)
                    size_bytes += len(msgspec.json.encode(row))
                    if len(rows) == query.limit or (rows and size_bytes > PAGE_BYTES):
                        return Versioned(EventPage(rows, rows[-1].seq), head.seq)
                    rows.append(row)
        return Versioned(EventPage(rows, read_to if read_to < head.seq else None), head.seq)

    async def event(self, caller: Caller, seq: int) -> Versioned[JournalEvent]:
        """One event. Raises RefusedError `event_not_found`, also for one that the caller may not see."""
        page = await self.events(caller, ListEventsQuery(after=max(seq - 1, 0), limit=1))
        if not page.body.events or page.body.events[0].seq != seq:
            raise RefusedError(Refused("event_not_found", f"there is no event {seq}"))
        return Versioned(page.body.events[0], page.seq)

    async def latest(self, caller: Caller, query: LatestEventsQuery) -> Versioned[LatestEvents]:
        """The events of a span of numbers, newest first, without their data.

        Raises RefusedError as `snapshot.state_as_of` does.
        """
        head = (await snapshot.state_as_of(self._node, query.as_of)).head.seq
        last = head if query.before is None else min(head, max(query.before - 1, 0))
        first = max(1, last - query.span + 1)
        found = list[EventGlance]()
        after: int | None = first - 1
        while after is not None and after < last:
            asked = ListEventsQuery(after, last - after, query.type, query.dataset)
            page = (await self.events(caller, asked)).body
            found += [presentation.event_glance(each) for each in page.events if each.seq <= last]
            after = page.next
        return Versioned(LatestEvents(found[::-1], first, last), head)

    async def ocsf_events(self, caller: Caller, query: ListEventsQuery) -> Versioned[OcsfPage]:
        """The same page as `events`, as events of OCSF."""
        page = await self.events(caller, query)
        made_by = version("lakehouse")
        rows = [ocsf.journal_event(each, made_by) for each in page.body.events]
        return Versioned(OcsfPage(rows, page.body.next), page.seq)

    async def _proven(self, first: int, head: Head) -> AsyncGenerator[Slot, None]:
        """Slots up to `head`, each after the hash in the next one has proved its bytes."""
        journal = self._node.follower.journal
        held: Slot | None = None
        async with aclosing(journal.slots(first)) as slots:
            async for slot in slots:
                if held is not None:
                    check_link(held.head, slot, journal.lake.lake)
                    yield held
                held = slot
                if slot.head.position == head.position:
                    expect_same(head, slot)
                    yield slot
                    return
        missing = held.header.position + 1 if held else first
        raise JournalCorrupt(missing, "it was read before and is absent now")


def _passing(slot: Slot, query: ListEventsQuery, held: Permissions) -> list[Event]:
    entity = history.dataset_entity(query.dataset) if query.dataset else None
    seen = (visible_event(event, held) for event in slot.events if event.seq > query.after)
    return [
        event
        for event in seen
        if event is not None
        and query.type in (None, event.type)
        and (entity is None or any(about.entity == entity for about in event.about))
    ]
