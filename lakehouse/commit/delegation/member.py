"""Hands the changes of this process to another process, the leader, which commits them.

Owns what was handed over and has no answer yet, and the links to leaders. A change is answered when its
event is folded from the journal, however the slot arrived. Must never hand a change over twice, or while an
attempt of its own is in doubt; must never use pushed bytes that do not follow the head.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

import msgspec
import structlog

from journal.clock import Clock
from journal.slot import JournalCorrupt, Slot, UpgradeRequired, decode_slot
from lakehouse.commit.batch import Recorded
from lakehouse.commit.delegation.messages import (
    PROPOSAL_BYTES,
    Declined,
    Hello,
    Message,
    Pushed,
    TurnWanted,
    decode,
    encode,
    may_hand_over,
    proposal,
)
from lakehouse.commit.delegation.network import Link, Network
from lakehouse.commit.delegation.pushed_slots import PushedSlots
from lakehouse.commit.pending import Pending
from lakehouse.commit.turns import Turns
from projections.fold import State
from projections.moment import Moment
from projections.states.follower import Follower

STALLED_S = 2.0
"""How long to wait for a leader to commit a change."""
AVOIDED_S = 10.0
"""How long a writer that could not be reached, or stalled, is not tried again."""
UNUSED_S = 30.0

Refresh = Callable[[], Coroutine[Any, Any, None]]
"""Reads the journal to its end."""

log = structlog.get_logger()


class Member:
    """Hands over the changes of one writer."""

    def __init__(
        self,
        follower: Follower,
        clock: Clock,
        turns: Turns,
        network: Network,
        hello: Hello,
        take_back: Callable[[Pending], None],
    ) -> None:
        self._follower = follower
        self._clock = clock
        self._turns = turns
        self._network = network
        self._hello = hello
        self._take_back = take_back
        self.leader_found: Callable[[], object] = lambda: None
        """Called when changes can be handed over to a leader that was not connected before."""
        self._refresh: Refresh | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._links: dict[str, _LeaderLink] = {}
        self._avoided: dict[str, float] = {}
        """Writers that are not tried until this time."""
        self._handed_over: dict[str, Pending] = {}
        follower.watched = self._handed_over.keys()
        self._pushed = PushedSlots()
        follower.fold_received = self._fold_pushed
        self.offered = 0
        """How many changes were handed over so far."""
        self.idle = asyncio.Event()
        """Set while no change that was handed over waits for a leader."""
        self.idle.set()

    def start(self, refresh: Refresh) -> None:
        """Use `refresh` to read the journal where a pushed slot does not follow the head."""
        self._refresh = refresh

    def offer(self, pending: Pending) -> bool:
        """Hand a change to the leader, if there is one; False: commit it here.

        No attempt of this process at a slot with it may be in doubt.
        """
        if pending.declined or pending.handed_over or not may_hand_over(pending.command):
            return False
        link = self._leader()
        if link is None:
            return False
        now_s, context = self._clock.monotonic(), pending.context
        head = self._follower.state.head.position
        message = proposal(pending.command, context, now_s - pending.accepted_s, head)
        if len(message) > PROPOSAL_BYTES or not link.send(message):
            return False
        pending.handed_over = True
        self.offered += 1
        self._handed_over[context.command] = pending
        link.waiting[context.command] = (now_s, pending)
        self.idle.clear()
        pending.answer.add_done_callback(partial(self._forget, link, context.command))
        return True

    def ask_for_turn(self) -> None:
        """Ask the leader, if there is one, to leave this process the next slot."""
        link = self._leader()
        if link is not None:
            link.send(encode(TurnWanted()))

    def follows(self) -> bool:
        """Whether another process leads, and can be reached."""
        return self._leader() is not None

    def note_slot(self, slot: Slot, states: Mapping[str, State]) -> None:
        """Answer the changes of this process that a folded slot holds."""
        if not states:
            return
        for event in slot.events:
            pending = self._handed_over.get(event.command)
            if pending is not None and not pending.answer.done() and event.command in states:
                moment = Moment(slot.header.position, event.seq, slot.header.at)
                pending.answer.set_result(Recorded(event, moment, states[event.command]))

    def check(self) -> None:
        """Disconnect from leaders that do not answer, and from those that were not needed for a while."""
        now_s = self._clock.monotonic()
        self._avoided = {name: at_s for name, at_s in self._avoided.items() if at_s > now_s}
        for link in [*self._links.values()]:
            oldest_s = min((since_s for since_s, _ in link.waiting.values()), default=now_s)
            if now_s - oldest_s > STALLED_S or now_s - link.used_s > UNUSED_S:
                link.close()

    def close(self) -> None:
        """Take back all changes that were handed over, and close the connections."""
        for task in self._tasks.values():
            task.cancel()
        for link in [*self._links.values()]:
            link.close()

    def _leader(self) -> "_LeaderLink | None":
        """The link to the leader; None while this process leads, or is not connected yet."""
        now_s = self._clock.monotonic()
        name = self._turns.leader(now_s, self._avoided.keys())
        if name is None or name == self._hello.writer:
            return None
        link = self._links.get(name)
        if link is None:
            self._run(f"dial {name}", self._dial(name))
            return None
        link.used_s = now_s
        return link if link.greeted else None

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in the background unless it is running already."""
        if name in self._tasks:
            work.close()
            return
        task = asyncio.create_task(work)
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._tasks.pop(name, None))

    async def _dial(self, name: str) -> None:
        def accept(link: Link) -> _LeaderLink:
            self._links[name] = _LeaderLink(self, name, link, self._clock.monotonic())
            return self._links[name]

        if not await self._network.dial(name, accept):
            self.avoid(name)
        elif name in self._links:
            self._links[name].send(encode(self._hello))

    def avoid(self, name: str) -> None:
        """Do not connect to this writer for a while."""
        self._avoided[name] = self._clock.monotonic() + AVOIDED_S

    def pushed(self, message: Pushed) -> None:
        """Fold a slot that the leader has committed; keep it while slots before it are missing."""
        head = self._follower.state.head.position
        if message.position <= head:
            return
        self._pushed.add(message.position, message.slot)
        if message.position == head + 1:
            self._fold_pushed()
        elif self._refresh is not None:
            self._run("refresh", self._refresh())

    def _fold_pushed(self) -> None:
        """Fold the slots after the head that leaders have sent."""
        head = self._follower.state.head.position
        try:
            while (body := self._pushed.take(head + 1)) is not None:
                self._follower.accept(decode_slot(body, head + 1))
                head = self._follower.state.head.position
        except (JournalCorrupt, UpgradeRequired) as error:
            # Only the bucket can prove damage; the next read of it reports that.
            log.warning("pushed_slot_unusable", position=head + 1, detail=str(error))
            self._pushed.clear()
            for link in [*self._links.values()]:
                link.close()

    def declined(self, link: "_LeaderLink", message: Declined) -> None:
        """Take back what the leader did not commit and never will."""
        _, pending = link.waiting.pop(message.command, (0.0, None))
        if pending is not None:
            pending.handed_over, pending.declined = False, message.decided
            self._take_back(pending)
        self._note_idle()

    def left(self, link: "_LeaderLink") -> None:
        """Commit here what the leader has not answered; it may still commit it too."""
        if self._links.get(link.name) is link:
            del self._links[link.name]
        if link.waiting or not link.greeted:
            self.avoid(link.name)
        waiting, link.waiting = link.waiting, {}
        for _, pending in waiting.values():
            self._take_back(pending)
        self._note_idle()

    def _forget(self, link: "_LeaderLink", command: str, answer: object) -> None:
        link.waiting.pop(command, None)
        self._handed_over.pop(command, None)
        self._note_idle()

    def _note_idle(self) -> None:
        if not any(link.waiting for link in self._links.values()):
            self.idle.set()


class _LeaderLink:
    """One link, from the side that proposes."""

    def __init__(self, member: Member, name: str, link: Link, now_s: float) -> None:
        self.name = name
        self.greeted = False
        self.used_s = now_s
        self.waiting: dict[str, tuple[float, Pending]] = {}
        """By command id: what was handed over, and when."""
        self._member = member
        self._link = link
        self.send = link.send
        self.close = link.close

    def received(self, message: bytes) -> None:
        try:
            self._take(decode(message))
        except msgspec.DecodeError:
            self.close()

    def _take(self, message: Message) -> None:
        match message:
            case Hello():
                self.greeted = True
                self._member.leader_found()
            case Pushed():
                self._member.pushed(message)
            case Declined():
                self._member.declined(self, message)
            case _:
                self.close()

    def closed(self) -> None:
        self._member.left(self)
