"""The follower: keeps a state up to date with a journal.

Owns the node's committed state and how it advances. Must never write a slot, and never show a state
that the journal does not hold.
"""

from collections import deque
from collections.abc import Callable, Mapping, Set
from contextlib import aclosing

from journal.bucket.errors import ObjectMissing
from journal.log import Journal
from journal.slot import Head, JournalCorrupt, Slot, check_link, expect_same
from projections.fold import Folding, State, empty, fold_watched
from projections.states.checkpointing import is_due, newest_state
from projections.states.heap import growing

DUE = 256
"""How many states may wait to be stored as checkpoints; the oldest are dropped."""
MARK_EVENTS = 2_000
MARKS = 5
"""So many states, MARK_EVENTS apart, stay in memory: the recent past is replayed from them."""


class Follower:
    """One node's view of one journal."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.state = empty(journal.origin)
        self.due: deque[State] = deque(maxlen=DUE)
        """States that are due to be stored as checkpoints."""
        self.marks: deque[State] = deque(maxlen=MARKS)
        """States of the recent past, each after a whole slot, oldest first; they share what is the same."""
        self.listeners: list[Callable[[Slot], None]] = []
        """Called with each slot once it is folded."""
        self.watched: Set[str] = frozenset()
        """Ids of commands for which the state right after their event is wanted."""
        self.watchers: list[Callable[[Slot, Mapping[str, State]], None]] = []
        """Called before the listeners, with these states too; a slot folded by the caller has none."""
        self.fold_received: Callable[[], None] = _nothing_received
        """Accepts the next slots where another process has sent them."""

    async def open(self) -> State:
        """Begin at the newest checkpoint that can be verified, and catch up from there."""
        kept = await newest_state(self.journal)
        if kept is not None:
            self.marks.append(kept)
        # No reader yet: a state after each slot, which costs more than its events, is not needed.
        folding = Folding(kept or self.state)
        with growing():
            try:
                async with aclosing(self.journal.slots(folding.head.position + 1)) as slots:
                    async for slot in slots:
                        folding = self._folded(folding, slot)
            finally:
                self.state = folding.finish()
        return self.state

    async def catch_up(self) -> State:
        """Fold all slots that are not in the state yet, until a read of the next slot answers 404.

        The state that is returned was the present at some moment after this call began.
        Raises BucketError; JournalCorrupt and UpgradeRequired leave the last good state.
        """
        while await self._read_on():
            pass
        return self.state

    async def _read_on(self) -> bool:
        """Fold slots as they are read; True: the head has moved further, by slots that were received."""
        async with aclosing(self.journal.slots(self.state.head.position + 1)) as slots:
            async for slot in slots:
                self.accept(slot)
                self.fold_received()
                if self.state.head.position > slot.header.position:
                    return True
        return False

    def accept(self, slot: Slot, closed: State | None = None) -> None:
        """Advance by a committed slot; one that is already folded is only compared.

        `closed` is the state after it, where the caller has folded it already. Raises
        JournalCorrupt when the slot does not follow the head.
        """
        head = self.state.head
        if slot.header.position > head.position:
            check_link(head, slot, self.journal.lake.lake)
            states: Mapping[str, State] = {}
            if closed is None:
                closed, states = fold_watched(self.state, slot, self.watched)
            self.state = closed
            if is_due(head, self.state.head):
                self.due.append(self.state)
            if _is_mark(head, self.state.head):
                self.marks.append(self.state)
            for watcher in self.watchers:
                watcher(slot, states)
            for listener in self.listeners:
                listener(slot)
        elif slot.header.position == head.position:
            expect_same(head, slot)

    def _folded(self, folding: Folding, slot: Slot) -> Folding:
        """Fold one more slot; if a state after it is wanted, finish that and continue from it."""
        before = folding.head
        check_link(before, slot, self.journal.lake.lake)
        folding.add(slot)
        due, mark = is_due(before, folding.head), _is_mark(before, folding.head)
        if not (due or mark):
            return folding
        state = folding.finish()
        if due:
            self.due.append(state)
        if mark:
            self.marks.append(state)
        return Folding(state)

    async def check_head(self) -> None:
        """Read the journal's two ends again, compare them, and check that no slot lies beyond a gap.

        Raises JournalCorrupt: the bucket was rolled back or damaged, or a slot is missing.
        """
        head = self.state.head
        await self._expect(self.journal.origin)
        await self._expect(head)
        await self.journal.expect_no_gap(head.position)

    async def _expect(self, known: Head) -> None:
        name = "it" if known.position else "lake.json"
        try:
            seen = await self.journal.hash_at(known.position)
        except ObjectMissing as error:
            detail = f"{name} existed and is absent now"
            raise JournalCorrupt(known.position, detail, known.sha256, "nothing") from error
        if seen != known.sha256:
            raise JournalCorrupt(known.position, f"{name} is not what it was", known.sha256, seen)


def _nothing_received() -> None:
    """No other process sends slots."""


def _is_mark(before: Head, after: Head) -> bool:
    return after.seq // MARK_EVENTS > before.seq // MARK_EVENTS
