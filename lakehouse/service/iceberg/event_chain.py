"""Reads the events of one dataset, newest first, several slots of the journal at a time.

Each event names the place of the one before it, so that a walk with one read for each event waits for each
of them. Must never hold more than WINDOW slots.
"""

import asyncio
from collections.abc import Awaitable, Callable

from journal.event_records import Place
from journal.events import Event
from journal.slot import Header, SealedSlot, event_in

WINDOW = 32
"""How many slots are read together, at most."""
ReadSlot = Callable[[int], Awaitable[SealedSlot]]
"""The slot at a position of the journal."""


class EventChain:
    """A walk back along a dataset's events.

    Reads the slots before a wanted one with it: twice as many as the last time while the walk needs
    them, one where it jumped over all of them.
    """

    def __init__(self, read: ReadSlot) -> None:
        self._read = read
        self._slots: dict[int, SealedSlot] = {}
        self._width = 0

    async def at(self, place: Place) -> tuple[Header, Event]:
        """The event at a place, and its slot's header. Raises what `read` raises."""
        position, seq = place
        if position not in self._slots:
            await self._fetch(position)
        slot = self._slots[position]
        return slot.header, event_in(slot, seq)

    async def _fetch(self, last: int) -> None:
        is_near = bool(self._slots) and min(self._slots) - last <= self._width
        self._width = min(2 * self._width, WINDOW) if is_near else 1
        positions = range(max(last - self._width, 0) + 1, last + 1)
        found = await asyncio.gather(*map(self._read, positions))
        self._slots = dict(zip(positions, found, strict=True))
