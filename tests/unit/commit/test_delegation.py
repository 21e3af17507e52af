"""Processes of one machine that hand their changes to one of them, over real sockets."""

import asyncio
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
from builders import chance
from commands_strategy import COMMANDS
from hypothesis import given
from scripted_bucket import ScriptedBucket
from structlog.testing import capture_logs

from journal.clock import SystemClock, uuid7
from journal.slot import decode_slot
from lakehouse.commit.batch import Answered, Recorded
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
from lakehouse.commit.delegation.sockets import SocketNetwork
from lakehouse.commit.limits import CommitLimits
from lakehouse.commit.node import Node
from lakehouse.commit.pending import Pending
from lakehouse.domain.commands import Command, Context, RegisterDataset
from lakehouse.domain.decision import Unchanged
from lakehouse.domain.errors import RefusedError

CHANCE = chance(7)


def asking() -> Context:
    return Context("local", uuid7(SystemClock().now(), CHANCE))


def register(name: str) -> RegisterDataset:
    return RegisterDataset(name, "f", (), None)


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A short path: that of a socket has at most 107 bytes."""
    directory = Path(tempfile.mkdtemp(prefix="lh-", dir="/tmp"))
    yield directory / "sockets"
    shutil.rmtree(directory)


class Processes:
    """Nodes on one bucket, as processes of one machine."""

    def __init__(self, directory: Path) -> None:
        self.bucket = ScriptedBucket()
        self.directory = directory
        self.nodes: list[Node] = []

    async def start(self, limits: CommitLimits | None = None) -> Node:
        reach = partial(SocketNetwork, self.directory)
        seed = chance(len(self.nodes))
        node = await Node.open(self.bucket, SystemClock(), seed, limits, reach=reach)
        node.start(60, lambda: None)
        self.nodes.append(node)
        await self.until(lambda: (self.directory / _socket(node)).exists())
        return node

    async def leader_and_member(self) -> tuple[Node, Node]:
        """The first has committed, and the second hands its changes over."""
        leader, member = await self.start(), await self.start()
        for name in ("a", "b"):
            await leader.writer.submit(register(name), asking())
        await member.refresh()
        # The first offer dials; the change is committed here.
        await member.writer.submit(register("c"), asking())
        await leader.refresh()
        await self.until(lambda: _delegation(member).member.follows())
        return leader, member

    async def until(self, holds: object) -> None:
        async with asyncio.timeout(10):
            while not holds():
                await asyncio.sleep(0)

    def writers(self) -> list[str]:
        """Who committed each slot."""
        slots = [body for key, body in self.bucket.creates if body]
        return [decode_slot(body, n).header.writer for n, body in enumerate(slots, 1)]

    async def stop(self) -> None:
        for node in self.nodes:
            await node.stop(1)


def _socket(node: Node) -> str:
    return f"{node.follower.journal.lake.lake[-12:]}-{node.writer.name}"


def _delegation(node: Node):
    assert node.writer.delegation is not None
    return node.writer.delegation


async def test_the_leader_commits_and_the_member_answers(sockets: Path) -> None:
    processes = Processes(sockets)
    leader, member = await processes.leader_and_member()
    context = asking()
    outcome = await member.writer.submit(register("d"), context)
    assert isinstance(outcome, Recorded)
    assert (outcome.event.seq, outcome.event.command) == (4, context.command)
    assert "d" in outcome.state.catalog.datasets
    assert processes.writers()[-1] == leader.writer.name
    assert member.state.head == leader.state.head
    await processes.stop()


async def test_changes_of_one_slot_are_answered_with_the_state_after_each(sockets: Path) -> None:
    processes = Processes(sockets)
    _, member = await processes.leader_and_member()
    names = [f"d{number}" for number in range(5)]
    outcomes = await asyncio.gather(
        *(member.writer.submit(register(each), asking()) for each in names)
    )
    for number, outcome in enumerate(outcomes, 1):
        assert isinstance(outcome, Recorded)
        assert len(outcome.state.catalog.datasets) == 3 + number
        assert outcome.state.head.seq == outcome.event.seq
    await processes.stop()


async def test_what_changes_nothing_is_answered_by_the_member(sockets: Path) -> None:
    processes = Processes(sockets)
    _, member = await processes.leader_and_member()
    outcome = await member.writer.submit(register("a"), asking())
    assert isinstance(outcome, Answered)
    assert isinstance(outcome.decision, Unchanged)
    await processes.stop()


async def test_when_the_leader_stops_the_member_commits(sockets: Path) -> None:
    processes = Processes(sockets)
    leader, member = await processes.leader_and_member()
    await leader.stop(1)
    outcome = await member.writer.submit(register("d"), asking())
    assert isinstance(outcome, Recorded)
    assert processes.writers()[-1] == member.writer.name
    assert not (sockets / _socket(leader)).exists()
    await processes.stop()


async def test_a_change_that_the_leader_put_before_it_broke_off_is_made_once(sockets: Path) -> None:
    processes = Processes(sockets)
    leader, member = await processes.leader_and_member()
    put, go_on = asyncio.Event(), asyncio.Event()

    async def stand_still() -> None:
        put.set()
        await go_on.wait()

    processes.bucket.before_create.append(stand_still)
    context = asking()
    asked = asyncio.create_task(member.writer.submit(register("d"), context))
    await put.wait()
    await _delegation(leader).close()
    # Whoever creates the slot first, it holds the change, and the other finds it there.
    go_on.set()
    outcome = await asked
    assert isinstance(outcome, Recorded)
    await leader.refresh()
    await leader.writer.submit(register("e"), asking())
    slots = [body async for _, body in leader.follower.journal.bodies(1, 5)]
    assert sum(body.count(context.command.encode()) for body in slots) == 1
    await processes.stop()


async def test_what_a_silent_leader_may_commit_is_never_not_committed(sockets: Path) -> None:
    processes = Processes(sockets)
    leader, member = await processes.leader_and_member()
    leader.writer._enqueue = None  # type: ignore[assignment]
    _delegation(leader)._leader._accept = lambda pending: True
    member.writer._limits = CommitLimits(deadline_s=0.05)
    with pytest.raises(RefusedError) as caught:
        await member.writer.submit(register("d"), asking())
    assert caught.value.refused.code == "outcome_unknown"
    await processes.stop()


async def test_a_directory_of_others_is_not_used(sockets: Path) -> None:
    sockets.mkdir(mode=0o755)
    bucket = ScriptedBucket()
    with capture_logs() as logs:
        reach = partial(SocketNetwork, sockets)
        node = await Node.open(bucket, SystemClock(), chance(), reach=reach)
        node.start(60, lambda: None)
        assert isinstance(await node.writer.submit(register("a"), asking()), Recorded)
        await node.stop(1)
    assert [each["event"] for each in logs] == ["delegation_impossible"]
    assert os.listdir(sockets) == []


async def test_the_socket_of_a_killed_process_is_removed(sockets: Path) -> None:
    network = SocketNetwork(sockets, "lake")
    await network.listen("w-1", lambda link: Silent())
    path = sockets / "lake-w-1"
    os.rename(path, sockets / "kept")
    await network.close()
    os.rename(sockets / "kept", path)
    other = SocketNetwork(sockets, "lake")
    assert not await other.dial("w-1", lambda link: Silent())
    assert not path.exists()


async def test_sockets_of_killed_processes_are_swept_at_a_start(sockets: Path) -> None:
    live = SocketNetwork(sockets, "lake")
    await live.listen("w-live", lambda link: Silent())
    before = time.time() - 61
    for name in ("dead", "young"):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(sockets / name))
    (sockets / "file").write_text("no socket")
    for name in ("dead", "file", "lake-w-live"):
        os.utime(sockets / name, (before, before))
    other = SocketNetwork(sockets, "other")
    await other.listen("w-new", lambda link: Silent())
    assert sorted(os.listdir(sockets)) == ["file", "lake-w-live", "other-w-new", "young"]
    assert await other.dial("w-new", lambda link: Silent())
    await other.close()
    await live.close()


@pytest.mark.parametrize(
    "first",
    [
        b"no message",
        encode(Hello("another lake", "release", "w-1")),
        proposal(register("x"), Context("a", "c"), 0.0, 0),
    ],
    ids=["garbage", "another lake", "no greeting"],
)
async def test_who_does_not_greet_as_one_of_us_is_disconnected(sockets: Path, first: bytes) -> None:
    processes = Processes(sockets)
    leader = await processes.start()
    reader, writer = await asyncio.open_unix_connection(str(sockets / _socket(leader)))
    writer.write(len(first).to_bytes(4, "big") + first)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        async with asyncio.timeout(10):
            await reader.readexactly(1)
    writer.close()
    assert leader.state.head.seq == 0
    await processes.stop()


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
    guest.received(proposal(register("x"), Context("a", "c"), 3.0, head=0))
    guest.received(proposal(register("x"), Context("a", "d"), 3.0, head=0))
    assert [decode(each) for each in link.messages] == [hello, Declined("c", decided=True)]
    assert [each.context.command for each in accepted] == ["d"]


async def test_a_waiting_proposal_that_its_sender_has_committed_is_dropped() -> None:
    hello, accepted = Hello("lake", "release", "w-1"), list[Pending]()
    leader = Leader(hello, 0, lambda: 0.0, lambda pending: not accepted.append(pending))
    guest = leader.connect(Sent())
    guest.received(encode(Hello("lake", "release", "w-2")))
    guest.received(proposal(register("x"), Context("a", "c"), 3.0, head=0))
    leader.note_slot(Slots("c", writer="w-2"))  # type: ignore[arg-type]
    assert accepted[0].answer.cancelled()


class Silent:
    """A receiver that does nothing."""

    def received(self, message: bytes) -> None: ...

    def closed(self) -> None: ...


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
