"""The follower: keeps a state caught up with a journal. The one async file of the projections.

Owns the node's committed state and how it advances. Must never write, and never show a state that
the journal does not hold.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from journal.bucket.errors import ObjectMissing
from journal.log import Journal
from journal.slot import JournalCorrupt, Slot, check_link, format_at
from projections import history
from projections.fold import State, empty, fold, fold_to

REMEMBERED_STATES = 8
"""How many past states are kept for `as_of` reads."""


class BeyondHead(Exception):
    """A seq was asked for that the journal does not have."""


class Follower:
    """One node's view of one journal."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.state = empty(journal.origin)
        self._past: OrderedDict[int, State] = OrderedDict()

    async def catch_up(self) -> State:
        """Fold what is in the journal and not in the state, until a read of the next slot says 404.

        The state that is returned was the present at some moment after this call began.
        Raises BucketError; JournalCorrupt and UpgradeRequired leave the last good state.
        """
        async for slot in self.journal.slots(self.state.head.position + 1):
            self.accept(slot)
        return self.state

    def accept(self, slot: Slot, closed: State | None = None) -> None:
        """Advance by a committed slot; one that is folded already is compared and left.

        `closed` is the state after it, where the caller has folded it already. Raises
        JournalCorrupt when the slot does not follow the head.
        """
        head = self.state.head
        if slot.header.position > head.position:
            check_link(head, slot, self.journal.lake.lake)
            self.state = closed if closed is not None else fold(self.state, slot)
        elif slot.header.position == head.position and slot.sha256 != head.sha256:
            raise JournalCorrupt(head.position, "it reads differently", head.sha256, slot.sha256)

    async def check_head(self) -> None:
        """Re-read the head slot and compare. Raises JournalCorrupt: the bucket was rolled back."""
        head = self.state.head
        try:
            seen = await self.journal.hash_at(head.position)
        except ObjectMissing as error:
            raise JournalCorrupt(head.position, "it was there and is gone") from error
        if seen != head.sha256:
            raise JournalCorrupt(head.position, "it is not what it was", head.sha256, seen)

    async def state_at(self, seq: int) -> State:
        """The state as of event `seq` (0: before the first). Raises BeyondHead."""
        if seq > self.state.head.seq:
            raise BeyondHead(f"event {seq} lies beyond the head, {self.state.head.seq}")
        if seq == self.state.head.seq:
            return self.state
        state = self._past.pop(seq, None) or await self._replay(seq)
        self._past[seq] = state
        while len(self._past) > REMEMBERED_STATES:
            self._past.popitem(last=False)
        return state

    async def seq_at(self, at: datetime) -> int:
        """The last seq whose slot's time is not after `at`; 0 before the first slot."""
        state, text = self.state, format_at(at)
        if text >= state.head.at:
            return state.head.seq
        first, last = history.between_times(state.history, text, state.head.position)
        slot = await self._last_slot(first, last, lambda slot: slot.header.at <= text)
        return slot.head.seq if slot else 0

    async def slot_of(self, seq: int) -> Slot:
        """The slot that holds event `seq`. Raises BeyondHead."""
        state = self.state
        if not 0 < seq <= state.head.seq:
            raise BeyondHead(f"event {seq} is not in the journal; its head is {state.head.seq}")
        first, last = history.between(state.history, seq, state.head.position)
        slot = await self._last_slot(first, last, lambda slot: slot.header.first_seq <= seq)
        if slot is None:
            raise JournalCorrupt(first, f"no slot holds event {seq}")
        return slot

    async def slot_at(self, position: int) -> Slot:
        """A slot that the state has folded. Raises JournalCorrupt when it is gone."""
        slot = await self.journal.read(position)
        if slot is None:
            raise JournalCorrupt(position, "it was read before and is absent now")
        return slot

    async def _last_slot(self, first: int, last: int, holds: Callable[[Slot], bool]) -> Slot | None:
        """The last slot in first..last that `holds`, by bisection; None where none does."""
        best: Slot | None = None
        low, high = max(first, 1), last
        while low <= high:
            middle = (low + high) // 2
            slot = await self.slot_at(middle)
            if holds(slot):
                best, low = slot, middle + 1
            else:
                high = middle - 1
        return best

    async def _replay(self, seq: int) -> State:
        state = empty(self.journal.origin)
        if seq == 0:
            return state
        async for slot in self.journal.slots(1):
            check_link(state.head, slot, self.journal.lake.lake)
            state = fold_to(state, slot, seq)
            if slot.head.seq >= seq:
                return state
        raise JournalCorrupt(state.head.position + 1, "it was read before and is absent now")
