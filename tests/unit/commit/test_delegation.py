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

import pytest
from builders import chance
from scripted_bucket import ScriptedBucket
from structlog.testing import capture_logs

from journal.bucket.keys import slot_key
from journal.clock import SystemClock, uuid7
from journal.slot import decode_slot
from lakehouse.commit.batch import Answered, Recorded
from lakehouse.commit.delegation.messages import (
    Hello,
    encode,
    proposal,
)
from lakehouse.commit.delegation.sockets import SocketNetwork
from lakehouse.commit.limits import CommitLimits
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Context, RegisterDataset
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
        async with asyncio.timeout(60):
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


async def test_after_a_lost_message_only_the_missing_slot_is_read(sockets: Path) -> None:
    processes = Processes(sockets)
    leader, member = await processes.leader_and_member()
    receiver = _delegation(member).member
    receive, lost = receiver.pushed, []
    receiver.pushed = lost.append
    await leader.writer.submit(register("d"), asking())
    await processes.until(lambda: lost)
    processes.bucket.reads.clear()
    receiver.pushed = receive
    await leader.writer.submit(register("e"), asking())
    await processes.until(lambda: member.state.head == leader.state.head)
    # Each reads the next slot once more, to see that it is absent.
    assert processes.bucket.reads.count(slot_key(4)) == 1
    assert slot_key(5) not in processes.bucket.reads
    await processes.stop()


async def test_a_change_is_handed_over_while_the_journal_is_read(sockets: Path) -> None:
    processes = Processes(sockets)
    leader, member = await processes.start(), await processes.start()
    for name in ("a", "b"):
        await leader.writer.submit(register(name), asking())
    await member.refresh()
    answered = asyncio.Event()
    member.follower.journal.bucket = Unanswering(answered)
    outcome = await member.writer.submit(register("c"), asking())
    assert isinstance(outcome, Recorded)
    assert processes.writers()[-1] == leader.writer.name
    answered.set()
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
    live, accepted = SocketNetwork(sockets, "lake"), asyncio.Event()

    def accept(_: object) -> Silent:
        accepted.set()
        return Silent()

    await live.listen("w-live", accept)
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
    # The sweep connected too.
    await accepted.wait()
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
        async with asyncio.timeout(60):
            await reader.readexactly(1)
    writer.close()
    assert leader.state.head.seq == 0
    await processes.stop()


class Unanswering(ScriptedBucket):
    """A store that reads nothing until it is let."""

    def __init__(self, answered: asyncio.Event) -> None:
        super().__init__()
        self._answered = answered

    async def read(self, key: str) -> bytes:
        await self._answered.wait()
        return await super().read(key)


class Silent:
    """A receiver that does nothing."""

    def received(self, message: bytes) -> None: ...

    def closed(self) -> None: ...
