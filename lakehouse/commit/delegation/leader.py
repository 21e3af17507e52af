"""The process that commits other processes' changes along with its own.

Owns the links of the processes that propose. A proposed change goes through the writer's queue like
any other, so it shares the slots. Must never accept a change that a slot may already hold, and must drop
one that another process has committed meanwhile: its sender may have taken it back.
"""

import asyncio
from collections.abc import Callable
from functools import partial

import msgspec

from journal.slot import Slot
from lakehouse.commit.batch import Answered, Recorded
from lakehouse.commit.delegation.command_log import CommandLog
from lakehouse.commit.delegation.messages import (
    Declined,
    Hello,
    Message,
    Proposal,
    Pushed,
    TurnWanted,
    command_of,
    decode,
    encode,
)
from lakehouse.commit.delegation.network import Link
from lakehouse.commit.pending import Pending

GUESTS = 64
"""How many processes may propose at once; any other commits its changes itself."""


class Leader:
    """Accepts proposals for one writer."""

    def __init__(
        self,
        hello: Hello,
        head: int,
        now: Callable[[], float],
        accept: Callable[[Pending], bool],
    ) -> None:
        self._hello = hello
        self._now = now
        self._accept = accept
        self._seen = CommandLog(head)
        self._guests: list[_Guest] = []
        self._proposed: dict[str, Pending] = {}

    def members(self) -> frozenset[str]:
        """The writers that hand their changes to this one: they take no turns of their own."""
        return frozenset(guest.writer for guest in self._guests if guest.writer)

    def waiting(self) -> frozenset[str]:
        """The members that need a slot of their own now."""
        return frozenset(guest.writer for guest in self._guests if guest.wants_turn)

    def connect(self, link: Link) -> "_Guest":
        """The receiver for a new link."""
        guest = _Guest(self, link)
        if len(self._guests) >= GUESTS:
            link.close()
        else:
            self._guests.append(guest)
        return guest

    def note_slot(self, slot: Slot) -> None:
        """Record a slot that was folded; proposed changes that it holds are done."""
        self._seen.add(slot)
        for guest in self._guests:
            # It had its turn, or lost it to this process after the longest wait, and asks again.
            guest.wants_turn &= slot.header.writer not in (guest.writer, self._hello.writer)
        if slot.header.writer == self._hello.writer or not self._proposed:
            return
        for event in slot.events:
            if event.command in self._proposed:
                self._proposed[event.command].answer.cancel()

    def committed(self, position: int, body: bytes) -> None:
        """Send a slot that this process has committed to all who propose here."""
        if self._guests:
            message = encode(Pushed(position, body))
            for guest in [each for each in self._guests if each.writer]:
                guest.link.send(message)

    def greet(self, guest: "_Guest", hello: Hello) -> bool:
        """Whether the other side may propose here; if so, it is answered."""
        mine = self._hello
        if (hello.lake, hello.release) != (mine.lake, mine.release):
            return False
        return guest.link.send(encode(mine))

    def propose(self, guest: "_Guest", proposal: Proposal) -> None:
        """Queue a proposed change, or decline it. Raises msgspec.ValidationError."""
        command_id = proposal.context.command
        pending = Pending(
            command_of(proposal), proposal.context, self._now() - max(0.0, proposal.age_s)
        )
        free = self._seen.excludes(command_id, proposal.head)
        if not (free and command_id not in self._proposed and self._accept(pending)):
            pending.answer.cancel()
            guest.link.send(encode(Declined(command_id, decided=True)))
            return
        self._proposed[command_id] = guest.proposed[command_id] = pending
        pending.answer.add_done_callback(partial(self._answered, guest, command_id))

    def give_back(self, pending: Pending) -> bool:
        """Return a proposed change that no slot was put with; False: it is this process's own."""
        command_id = pending.context.command
        if self._proposed.get(command_id) is not pending:
            return False
        for guest in self._guests:
            if command_id in guest.proposed:
                guest.link.send(encode(Declined(command_id, decided=False)))
        pending.answer.cancel()
        return True

    def left(self, guest: "_Guest") -> None:
        """Drop what a process proposed whose link is down, unless its slot is being put."""
        self._guests = [each for each in self._guests if each is not guest]
        for pending in [*guest.proposed.values()]:
            pending.answer.cancel()

    def _answered(
        self, guest: "_Guest", command_id: str, answer: "asyncio.Future[Recorded | Answered]"
    ) -> None:
        self._proposed.pop(command_id, None)
        guest.proposed.pop(command_id, None)
        if answer.cancelled():
            return
        if answer.exception() is not None:
            # Its slot may be in the journal: the other side must read the journal, and gets no answer
            # from here.
            guest.link.close()
        elif isinstance(answer.result(), Answered):
            guest.link.send(encode(Declined(command_id, decided=True)))


class _Guest:
    """One link, from the side that commits."""

    def __init__(self, leader: Leader, link: Link) -> None:
        self.link = link
        self.writer = ""
        self.wants_turn = False
        self.proposed: dict[str, Pending] = {}
        self._leader = leader

    def received(self, message: bytes) -> None:
        try:
            self._take(decode(message))
        except msgspec.DecodeError:
            self.link.close()

    def _take(self, message: Message) -> None:
        match message:
            case Hello(writer=writer) if not self.writer and self._leader.greet(self, message):
                self.writer = writer
            case Proposal() if self.writer:
                self._leader.propose(self, message)
            case TurnWanted() if self.writer:
                self.wants_turn = True
            case _:
                self.link.close()

    def closed(self) -> None:
        self._leader.left(self)
