"""The journal as users see it: its head, and its events in order."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from journal.events import Event
from journal.slot import Head, JournalCorrupt, Slot, check_link, expect_same
from lakehouse.api import receipts
from lakehouse.api.receipts import Listing
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Body
from projections import history

SCANNED_SLOTS = 1_000
"""How many slots one page may look through for events that a filter lets pass."""


class JournalReads:
    """Reads of the journal itself, up to this node's head."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def head(self) -> Body:
        """{seq, slot, sha256, at}; of an empty journal {0, 0, null, null}."""
        head = self._node.state.head
        if head.position == 0:
            return {"seq": 0, "slot": 0, "sha256": None, "at": None}
        return {"seq": head.seq, "slot": head.position, "sha256": head.sha256, "at": head.at}

    async def events(
        self, after: int, limit: int, type_: str | None, dataset: str | None
    ) -> Listing:
        """Up to `limit` events with a seq above `after`, oldest first, that pass both filters.

        A page may hold fewer, even none, and still have a `next`: it looks through so many slots.
        """
        head = self._node.state.head
        if after >= head.seq:
            return Listing([], None, head.seq)
        entity = history.dataset_entity(dataset) if dataset else None
        rows: list[Body] = []
        first = (await self._node.past.slot_of(after + 1)).header.position
        last = min(head.position, first + SCANNED_SLOTS - 1)
        read_to = after
        async with aclosing(self._proven(first, head)) as slots:
            async for slot in slots:
                if slot.header.position > last:
                    break
                read_to = slot.head.seq
                passing = _passing(slot, after, type_, entity)
                rows += [receipts.event(slot.header, event) for event in passing]
                if len(rows) > limit:
                    return Listing(rows[:limit], rows[limit - 1]["seq"], head.seq)
        return Listing(rows, read_to if read_to < head.seq else None, head.seq)

    async def _proven(self, first: int, head: Head) -> AsyncGenerator[Slot, None]:
        """Slots up to `head`, each told once the hash that comes after it has proved its bytes."""
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


def _passing(slot: Slot, after: int, type_: str | None, entity: str | None) -> list[Event]:
    return [
        event
        for event in slot.events
        if event.seq > after
        and type_ in (None, event.type)
        and (entity is None or any(about.entity == entity for about in event.about))
    ]
