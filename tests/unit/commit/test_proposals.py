"""What a leader accepts of what others propose, and the messages that carry it. No sockets."""

import msgspec
import pytest
from commands_strategy import COMMANDS
from hypothesis import given

from lakehouse.commit.delegation.command_log import COMMANDS as REMEMBERED
from lakehouse.commit.delegation.command_log import CommandLog
from lakehouse.commit.delegation.leader import Leader
from lakehouse.commit.delegation.messages import (
    Declined,
    Hello,
    Proposal,
    command_of,
    decode,
    encode,
    may_hand_over,
    proposal,
)
from lakehouse.commit.pending import Pending
from lakehouse.domain.commands import Command, Context, RegisterDataset

CHANGE = RegisterDataset("x", "f", (), None)


@given(COMMANDS)
def test_a_change_arrives_as_it_was_sent(command: Command) -> None:
    if not may_hand_over(command):
        return
    message = decode(proposal(command, Context("a", "c", key="k", request="r"), 1.5, 7))
    assert isinstance(message, Proposal)
    assert command_of(message) == command
    assert (message.context.key, message.age_s, message.head) == ("k", 1.5, 7)


def test_other_kinds_of_change_are_not_taken() -> None:
    message = Proposal("RaiseFormat", msgspec.Raw(b"\x81"), Context("a", "c"), 0.0, 0)
    with pytest.raises(msgspec.ValidationError):
        command_of(message)


class Sent:
    """A link that keeps what is sent."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.up = True

    def send(self, message: bytes) -> bool:
        self.messages.append(message)
        return True

    def close(self) -> None:
        self.up = False


async def test_a_proposal_that_arrives_after_its_sender_committed_it_is_declined() -> None:
    hello, accepted = Hello("lake", "release", "w-1"), list[Pending]()
    leader = Leader(hello, 0, lambda: 0.0, lambda pending: not accepted.append(pending))
    link = Sent()
    guest = leader.connect(link)
    guest.received(encode(Hello("lake", "release", "w-2")))
    leader.note_slot(Slots("c", writer="w-2"))  # type: ignore[arg-type]
    guest.received(proposal(CHANGE, Context("a", "c"), 3.0, head=0))
    guest.received(proposal(CHANGE, Context("a", "d"), 3.0, head=0))
    assert [decode(each) for each in link.messages] == [hello, Declined("c", decided=True)]
    assert [each.context.command for each in accepted] == ["d"]


async def test_a_waiting_proposal_that_its_sender_has_committed_is_dropped() -> None:
    hello, accepted = Hello("lake", "release", "w-1"), list[Pending]()
    leader = Leader(hello, 0, lambda: 0.0, lambda pending: not accepted.append(pending))
    guest = leader.connect(Sent())
    guest.received(encode(Hello("lake", "release", "w-2")))
    guest.received(proposal(CHANGE, Context("a", "c"), 3.0, head=0))
    leader.note_slot(Slots("c", writer="w-2"))  # type: ignore[arg-type]
    assert accepted[0].answer.cancelled()


class Named(msgspec.Struct):
    """As much of a header as a leader reads."""

    writer: str


class Slots:
    """As much of a slot as the log reads."""

    def __init__(self, *commands: str, writer: str = "w-0") -> None:
        self.header = Named(writer)
        self.events = [Context("a", each) for each in commands]


def test_the_log_knows_what_the_newest_slots_hold() -> None:
    log = CommandLog(since=10)
    log.add(Slots("a", "b"))  # type: ignore[arg-type]
    log.add(Slots("c"))  # type: ignore[arg-type]
    assert not log.excludes("a", 10)
    assert log.excludes("a", 11)
    assert not log.excludes("c", 11)
    assert log.excludes("c", 12)
    assert log.excludes("d", 10)
    assert not log.excludes("d", 9), "slot 10 was not seen"


def test_the_log_is_bounded() -> None:
    log = CommandLog(since=0)
    for number in range(REMEMBERED // 500 + 2):
        log.add(Slots(*(f"{number}-{each}" for each in range(500))))  # type: ignore[arg-type]
    assert log.since == 2
    assert not log.excludes("new", 1)
    assert log.excludes("new", 2)
