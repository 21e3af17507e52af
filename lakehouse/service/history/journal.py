"""The journal as users see it: its head, its events in order, and waiting for an event."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from importlib.metadata import version

import msgspec

from journal.event_lines import Envelope, open_envelope
from journal.events import Event
from journal.slot import (
    Head,
    JournalCorrupt,
    SealedSlot,
    check_link,
    envelopes,
    expect_same,
    seal_slot,
)
from lakehouse.api.audit.entries import OcsfPage
from lakehouse.api.console.journal import EventGlance, LatestEvents, LatestEventsQuery
from lakehouse.api.history.journal import EventPage, JournalEvent, JournalHead, ListEventsQuery
from lakehouse.api.versioned import Versioned
from lakehouse.audit import ocsf
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.points_in_time import point_in_time
from lakehouse.service import presentation, snapshot
from lakehouse.service.access.permissions import Permissions, permissions
from lakehouse.service.access.visible import visible_event
from lakehouse.service.caller import Caller
from lakehouse.service.history.damage import readable_event, readable_events, seq_above
from lakehouse.service.index.entity_chains import EntityChains
from projections import history

SCANNED_SLOTS = 1_000
"""How many slots one page reads at most to find events that pass a filter."""
SCANNED_NUMBERS = 20_000
"""How far a list of the newest events of one type goes back at most."""
PAGE_BYTES = 9 * 1024 * 1024
"""How many bytes of events a page holds at most, unless its one event has more."""
MIN_SEQ_WAIT_S = 5.0
"""How long a read waits for the event that it must include."""


class JournalReads:
    """Reads of the journal itself, up to this node's head."""

    def __init__(self, node: Node, chains: EntityChains) -> None:
        self._node = node
        self._chains = chains

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
        async with aclosing(self._proven(first, last, head)) as slots:
            async for slot in slots:
                read_to = slot.header.first_seq + slot.header.events - 1
                for envelope in _passing(slot, query.after, query):
                    event = _shown(envelope, query, permissions(self._node, caller))
                    if event is None:
                        continue
                    row = presentation.journal_event(slot.header, event)
                    size_bytes += len(msgspec.json.encode(row))
                    if len(rows) == query.limit or (rows and size_bytes > PAGE_BYTES):
                        return Versioned(EventPage(rows, rows[-1].seq), head.seq)
                    rows.append(row)
        return Versioned(EventPage(rows, read_to if read_to < head.seq else None), head.seq)

    async def event(self, caller: Caller, seq: int) -> Versioned[JournalEvent]:
        """One event, also beside a damaged slot.

        Raises RefusedError `event_not_found`, also for one that the caller may not see.
        """
        try:
            page = await self.events(caller, ListEventsQuery(after=max(seq - 1, 0), limit=1))
            found = page.body.events[0] if page.body.events else None
        except JournalCorrupt as error:
            self._node.note(error)
            header, event = await readable_event(self._node, seq)
            shown = visible_event(event, permissions(self._node, caller))
            found = presentation.journal_event(header, shown) if shown else None
        if found is None or found.seq != seq:
            raise RefusedError(Refused("event_not_found", f"there is no event {seq}"))
        return Versioned(found, self._node.state.head.seq)

    async def latest(self, caller: Caller, query: LatestEventsQuery) -> Versioned[LatestEvents]:
        """The newest events before a number, newest first, without their data.

        Of `span` numbers; with a type, of as many spans as it takes to find `most`: SCANNED_NUMBERS
        or SCANNED_SLOTS at most. To a caller with some rights only, each event must be decoded: of one
        span. Where slots are damaged, what is readable beside them. Raises RefusedError as
        `snapshot.state_as_of` does.
        """
        head = await self._moment(query.as_of)
        last = head if query.before is None else min(head, max(query.before - 1, 0))
        if self._node.damaged is None:
            try:
                return Versioned(await self._latest(caller, query, last), head)
            except JournalCorrupt as error:
                self._node.note(error)
        held = permissions(self._node, caller)
        return Versioned(await readable_events(self._node, held, query, last), head)

    async def damage_before(self, caller: Caller) -> int | None:
        """The number of an event above the damage that was found first; None where none was found."""
        if self._node.damaged is None:
            return None
        return await seq_above(self._node, self._node.damaged)

    async def _moment(self, as_of: str | None) -> int:
        """The last event at a moment; a number needs no read, so that damage does not matter."""
        try:
            return (await snapshot.state_as_of(self._node, as_of)).head.seq
        except JournalCorrupt as error:
            self._node.note(error)
            if as_of is None or not isinstance(point := point_in_time(as_of), int):
                raise
            return point

    async def _latest(self, caller: Caller, query: LatestEventsQuery, last: int) -> LatestEvents:
        if query.dataset:
            return await self._latest_about(caller, query, query.dataset, last)
        goes_on = query.type and permissions(self._node, caller).unrestricted
        lowest = max(1, last - (SCANNED_NUMBERS if goes_on else query.span) + 1)
        found, first, read = list[EventGlance](), last + 1, 0
        while first > lowest and len(found) < query.most and read < SCANNED_SLOTS:
            end, first = first - 1, max(lowest, first - query.span)
            part, slots = await self._glances(caller, query, first, end)
            found, read = found + part[::-1], read + slots
        if query.type and len(found) > query.most:
            found, first = found[: query.most], found[query.most - 1].seq
        return LatestEvents(found, first, last)

    async def _glances(
        self, caller: Caller, query: LatestEventsQuery, first: int, last: int
    ) -> tuple[list[EventGlance], int]:
        """The events `first` to `last` of the query, oldest first, and how many slots were read."""
        found, read = list[EventGlance](), 0
        async with aclosing(self._between(first, last)) as slots:
            async for slot in slots:
                read += 1
                if query.type and not _mentions(slot, query.type):
                    continue
                held = permissions(self._node, caller)
                for envelope in _passing(slot, first - 1, query):
                    if envelope.seq > last:
                        break
                    if event := envelope if held.unrestricted else _shown(envelope, query, held):
                        found.append(presentation.event_glance(slot.header, event))
        return found, read

    async def _latest_about(
        self, caller: Caller, query: LatestEventsQuery, dataset: str, last: int
    ) -> LatestEvents:
        """The newest events about a dataset: by their links, however far they are apart."""
        held, found = permissions(self._node, caller), list[EventGlance]()
        if not held.sees(dataset):
            return LatestEvents([], 1, last)
        events = self._chains.newest_first(history.dataset_entity(dataset), last + 1)
        read = 0
        async with aclosing(events) as mentions:
            async for header, event in mentions:
                read += 1
                if read > query.most:
                    return LatestEvents(found, event.seq + 1, last)
                shown = visible_event(event, held)
                if shown is not None and query.type in (None, shown.type):
                    found.append(presentation.event_glance(header, shown))
        return LatestEvents(found, 1, last)

    async def ocsf_events(self, caller: Caller, query: ListEventsQuery) -> Versioned[OcsfPage]:
        """The same page as `events`, as events of OCSF."""
        page = await self.events(caller, query)
        made_by = version("lakehouse")
        rows = [ocsf.journal_event(each, made_by) for each in page.body.events]
        return Versioned(OcsfPage(rows, page.body.next), page.seq)

    async def _between(self, first: int, last: int) -> AsyncGenerator[SealedSlot, None]:
        """The slots that hold the events `first` to `last`."""
        if last < first:
            return
        position = (await self._node.past.slot_of(first)).header.position
        head = self._node.state.head
        async with aclosing(self._proven(position, head.position, head)) as slots:
            async for slot in slots:
                yield slot
                if slot.header.first_seq + slot.header.events > last:
                    return

    async def _proven(self, first: int, last: int, head: Head) -> AsyncGenerator[SealedSlot, None]:
        """Slots up to `last`, each after the hash in the next one, or in `head`, has proved its bytes."""
        journal = self._node.follower.journal
        held: SealedSlot | None = None
        end = min(last + 1, head.position)
        async with aclosing(journal.bodies(first, end)) as bodies:
            async for position, body in bodies:
                slot = seal_slot(body, position)
                if held is not None:
                    check_link(held.head, slot, journal.lake.lake)
                    yield held
                held = slot
        if held is None or held.header.position < end:
            missing = held.header.position + 1 if held else first
            raise JournalCorrupt(missing, "it was read before and is absent now")
        if end == head.position:
            expect_same(head, held)
        if end <= last:
            yield held


def _mentions(slot: SealedSlot, type_: str) -> bool:
    """False if no event of the slot has that type; true may mean that some text of it is the same."""
    return f'"{type_}"'.encode(errors="replace") in slot.body


def _passing(
    slot: SealedSlot, after: int, query: ListEventsQuery | LatestEventsQuery
) -> Iterator[Envelope]:
    """The events after a number that pass the query's filters, their data not decoded."""
    for envelope in envelopes(slot):
        is_wanted = not query.dataset or _is_about(envelope, query.dataset)
        if envelope.seq > after and query.type in (None, envelope.type) and is_wanted:
            yield envelope


def _shown(
    envelope: Envelope, query: ListEventsQuery | LatestEventsQuery, held: Permissions
) -> Event | None:
    """The event as the caller sees it; None if it may not see that it is about the queried dataset."""
    event = visible_event(open_envelope(envelope), held)
    if event is None or (query.dataset and not _is_about(event, query.dataset)):
        return None
    return event


def _is_about(event: Envelope | Event, dataset: str) -> bool:
    entity = history.dataset_entity(dataset)
    return any(about.entity == entity for about in event.about)
