"""Delegation: one process of each machine commits the changes of all. Both sides, for one writer.

Owns the choice of the leader, as this process sees it: the writer that had most of the recent slots
among those that can be reached. Two processes may disagree for a moment; that costs lost races,
never a change. Must never forward a change that another process has handed over: no process would know
which one has it.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import version

from journal.clock import Clock
from journal.slot import Slot
from lakehouse.commit.delegation.leader import Leader
from lakehouse.commit.delegation.member import Member, Refresh
from lakehouse.commit.delegation.messages import Hello
from lakehouse.commit.delegation.network import Network
from lakehouse.commit.pending import Pending
from lakehouse.commit.turns import Turns
from projections.fold import STATE_VERSION, State
from projections.states.follower import Follower


class Delegation:
    """Hands changes over while another process leads; accepts those of others while this one leads."""

    def __init__(
        self,
        follower: Follower,
        clock: Clock,
        turns: Turns,
        network: Network,
        name: str,
        enqueue: Callable[[Pending], bool],
        take_back: Callable[[Pending], None],
    ) -> None:
        self._network = network
        self._name = name
        release = f"{version('lakehouse')}, state {STATE_VERSION}"
        hello = Hello(follower.journal.lake.lake, release, name)
        self._leader = Leader(hello, follower.state.head.position, clock.monotonic, enqueue)
        self.member = Member(follower, clock, turns, network, hello, take_back)
        turns.members, turns.waiting = self._leader.members, self._leader.waiting

    async def start(self, refresh: Refresh) -> None:
        """Accept the changes of other processes from now on."""
        self.member.start(refresh)
        await self._network.listen(self._name, self._leader.connect)

    async def close(self) -> None:
        """End all links. What was handed over is taken back."""
        self.member.close()
        await self._network.close()

    def passed_on(self, pending: Pending) -> bool:
        """Hand a waiting change to the present leader; False: it must be committed here.

        A change of another process goes back to it: no process forwards. No slot with it may be in doubt.
        """
        if self.member.follows() and self._leader.give_back(pending):
            return True
        return self.member.offer(pending)

    def note_slot(self, slot: Slot, states: Mapping[str, State]) -> None:
        """Record a folded slot."""
        self._leader.note_slot(slot)
        self.member.note_slot(slot, states)

    def committed(self, position: int, body: bytes) -> None:
        """Send a slot that this process has committed to those whose changes it commits."""
        self._leader.committed(position, body)
