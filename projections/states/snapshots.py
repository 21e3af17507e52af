"""Past states, and the slot of a seq or a time.

Reads only, and only up to the head that its follower has reached.
"""

from collections import OrderedDict
from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime

from journal.event_records import Place
from journal.events import Event
from journal.slot import Header, JournalCorrupt, SealedSlot, check_link, event_in, format_at
from projections import history
from projections.erasure.past import seen_from
from projections.fold import Folding, State, empty
from projections.states.checkpointing import newest_state
from projections.states.follower import MARK_EVENTS, Follower
from projections.states.heap import growing

REMEMBERED_STATES = 8
"""How many past states are kept for `as_of` reads."""
REMEMBERED_BASES = 6
"""How many states are kept that other past states are folded from; most of each is in those states too."""


class BeyondHead(Exception):
    """The requested seq is beyond the journal's head."""


class Snapshots:
    """The past states of a follower's journal."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._journal = follower.journal
        self._states: OrderedDict[int, State] = OrderedDict()
        """As they are answered: with the replacements of what was erased since. Never folded further."""
        self._bases: OrderedDict[int, State] = OrderedDict()
        """As they were folded, each after a whole slot."""

    async def state_at(self, seq: int) -> State:
        """The state as of event `seq` (0: before the first). Raises BeyondHead.

        What was erased since is absent from it: see erased_past.
        """
        now = self._follower.state
        if seq > now.head.seq:
            raise BeyondHead(f"event {seq} does not exist; the last is {now.head.seq}")
        if seq == now.head.seq:
            return now
        state = self._states.pop(seq, None) or await self._replayed(seq)
        state = seen_from(self._follower.state, state)
        self._states[seq] = state
        while len(self._states) > REMEMBERED_STATES:
            self._states.popitem(last=False)
        return state

    async def seq_at(self, at: datetime) -> int:
        """The last seq whose slot's time is not after `at`; 0 before the first slot."""
        now, text = self._follower.state, format_at(at)
        if text >= now.head.at:
            return now.head.seq
        first, last = history.between_times(now.history, text, now.head.position)
        slot = await self._last_slot(first, last, lambda slot: slot.header.at <= text)
        return slot.head.seq if slot else 0

    async def event(self, seq: int) -> tuple[Header, Event]:
        """Event `seq` and its slot's header. Raises BeyondHead."""
        slot = await self.slot_of(seq)
        return slot.header, event_in(slot, seq)

    async def event_at(self, place: Place) -> tuple[Header, Event]:
        """The event at a place that the state knows, in one read, and its slot's header."""
        position, seq = place
        slot = await self.slot_at(position)
        return slot.header, event_in(slot, seq)

    async def slot_of(self, seq: int) -> SealedSlot:
        """The slot that holds event `seq`. Raises BeyondHead."""
        now = self._follower.state
        if not 0 < seq <= now.head.seq:
            raise BeyondHead(f"event {seq} is not in the journal; its head is {now.head.seq}")
        first, last = history.between(now.history, seq, now.head.position)
        slot = await self._last_slot(first, last, lambda slot: slot.header.first_seq <= seq)
        if slot is None:
            raise JournalCorrupt(first, f"no slot holds event {seq}")
        return slot

    async def slot_at(self, position: int) -> SealedSlot:
        """A slot that the state has folded. Raises JournalCorrupt when it is absent."""
        slot = await self._journal.sealed(position)
        if slot is None:
            raise JournalCorrupt(position, "it was read before and is absent now")
        return slot

    async def _last_slot(
        self, first: int, last: int, holds: Callable[[SealedSlot], bool]
    ) -> SealedSlot | None:
        """The last slot in first..last that `holds`, by bisection; None where none does."""
        best: SealedSlot | None = None
        low, high = max(first, 1), last
        while low <= high:
            middle = (low + high) // 2
            slot = await self.slot_at(middle)
            if holds(slot):
                best, low = slot, middle + 1
            else:
                high = middle - 1
        return best

    async def _replayed(self, seq: int) -> State:
        """From the nearest earlier state that is known, through at most one pack."""
        if seq == 0:
            return empty(self._journal.origin)
        base = await self._base(seq)
        if base.head.seq == seq:
            return base
        folding, last = Folding(base), self._follower.state.head.position
        # A reader who goes back in small steps folds from here, not from the checkpoint.
        mark = seq - MARK_EVENTS
        stretch = self._journal.history(base.head.position + 1, last)
        with growing():
            async with aclosing(stretch) as slots:
                async for slot in slots:
                    check_link(folding.head, slot, self._journal.lake.lake)
                    if folding.head.seq <= mark < slot.head.seq:
                        folding = Folding(self._remember_base(folding.finish()))
                    if slot.head.seq > seq:
                        # A part of a slot: nothing can be folded from the state that it gives.
                        folding = Folding(self._remember_base(folding.finish()))
                        folding.add(slot, seq)
                        return folding.finish()
                    folding.add(slot)
                    if slot.head.seq == seq:
                        return self._remember_base(folding.finish())
        raise JournalCorrupt(folding.head.position + 1, "it was read before and is absent now")

    async def _base(self, seq: int) -> State:
        """The nearest state, not after event `seq`, that is in memory or a checkpoint."""
        known = (*self._follower.marks, *self._bases.values())
        earlier = (state for state in known if state.head.seq <= seq)
        near = max(earlier, key=lambda state: state.head.seq, default=empty(self._journal.origin))
        if seq - near.head.seq > MARK_EVENTS:
            kept = await newest_state(self._journal, seq, later_than=near.head.seq)
            if kept is not None:
                return self._remember_base(kept)
        if near.head.seq in self._bases:
            self._bases.move_to_end(near.head.seq)
        return near

    def _remember_base(self, state: State) -> State:
        self._bases[state.head.seq] = state
        self._bases.move_to_end(state.head.seq)
        while len(self._bases) > REMEMBERED_BASES:
            self._bases.popitem(last=False)
        return state
