"""Whom a leader accepts, and what becomes of what they propose. No sockets."""

import asyncio
from typing import Any

import msgspec
import pytest

from lakehouse.commit.delegation.leader import GUESTS, Leader
from lakehouse.commit.delegation.messages import (
    Declined,
    Hello,
    Pushed,
    TurnWanted,
    decode,
    encode,
    proposal,
)
from lakehouse.commit.pending import Pending
from lakehouse.domain.commands import Context, RegisterDataset

HELLO = Hello("lake", "release", "w-1")
CHANGE = RegisterDataset("x", "f", (), None)


class Sent:
    """A link that keeps what is sent."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.up = True

    def send(self, message: bytes) -> bool:
        self.messages.append(decode(message))
        return True

    def close(self) -> None:
        self.up = False


class Header(msgspec.Struct):
    writer: str


class Slot(msgspec.Struct):
    """As much of a slot as a leader reads."""

    header: Header
    events: tuple[Context, ...] = ()


class Led:
    """A leader at 100 s, and what it has accepted."""

    def __init__(self) -> None:
        self.accepted: list[Pending] = []
        self.leader = Leader(HELLO, 0, lambda: 100.0, self._accept)

    def _accept(self, pending: Pending) -> bool:
        self.accepted.append(pending)
        return True

    def guest(self, writer: str = "w-2") -> tuple[Sent, Any]:
        link = Sent()
        guest = self.leader.connect(link)
        guest.received(encode(Hello("lake", "release", writer)))
        return link, guest


@pytest.mark.parametrize("hello", [Hello("other", "release", "w-2"), Hello("lake", "old", "w-2")])
def test_a_process_of_another_lake_or_release_may_not_propose(hello: Hello) -> None:
    led, link = Led(), Sent()
    led.leader.connect(link).received(encode(hello))
    assert (link.up, link.messages, led.leader.members()) == (False, [], frozenset())


def test_so_many_may_propose_and_no_more() -> None:
    led = Led()
    links = [led.guest(f"w-{number}")[0] for number in range(2, GUESTS + 3)]
    assert [link.up for link in links] == [True] * GUESTS + [False]
    assert len(led.leader.members()) == GUESTS


def test_committed_slots_go_to_those_who_were_greeted() -> None:
    led, silent = Led(), Sent()
    led.leader.connect(silent)
    link, _ = led.guest()
    led.leader.committed(7, b"slot")
    assert (silent.messages, link.messages) == ([], [HELLO, Pushed(7, b"slot")])


@pytest.mark.parametrize(("writer", "waits"), [("w-1", False), ("w-2", False), ("w-3", True)])
def test_a_wanted_turn_ends_with_a_slot_of_the_guest_or_of_the_leader(
    writer: str, waits: bool
) -> None:
    led = Led()
    _, guest = led.guest()
    guest.received(encode(TurnWanted()))
    assert led.leader.waiting() == {"w-2"}
    led.leader.note_slot(Slot(Header(writer)))  # type: ignore[arg-type]
    assert led.leader.waiting() == ({"w-2"} if waits else set())


async def test_a_proposal_waits_since_its_sender_accepted_it() -> None:
    led = Led()
    _, guest = led.guest()
    guest.received(proposal(CHANGE, Context("a", "c"), 3.0, head=0))
    assert [each.accepted_s for each in led.accepted] == [97.0]


async def test_what_is_proposed_twice_is_accepted_once() -> None:
    led = Led()
    link, guest = led.guest()
    for _ in range(2):
        guest.received(proposal(CHANGE, Context("a", "c"), 3.0, head=0))
    assert len(led.accepted) == 1
    assert link.messages == [HELLO, Declined("c", decided=True)]


async def test_a_change_whose_fate_is_unknown_ends_the_link_without_an_answer() -> None:
    led = Led()
    link, guest = led.guest()
    guest.received(proposal(CHANGE, Context("a", "c"), 3.0, head=0))
    answer = led.accepted[0].answer
    answer.set_exception(OSError("the store did not answer"))
    with pytest.raises(OSError, match="did not answer"):
        await answer
    await asyncio.sleep(0)  # what waits for the answer is called
    assert (link.up, link.messages) == (False, [HELLO])


async def test_what_a_process_proposed_that_left_is_dropped() -> None:
    led = Led()
    _, guest = led.guest()
    guest.received(proposal(CHANGE, Context("a", "c"), 3.0, head=0))
    guest.closed()
    assert led.accepted[0].answer.cancelled()
    assert led.leader.members() == frozenset()
