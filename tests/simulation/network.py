"""The network of one simulated machine: its processes reach each other by the names of their writers.

Owns delays, links that break, and what is on its way. Messages of a link arrive whole and in order, each
as a step of the process that receives it: a process that stands still receives it when it goes on, one
that has crashed never. Must never deliver anything after the link's end was delivered.
"""

import asyncio
import random
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field

from lakehouse.commit.delegation.network import Accept, Receiver


@dataclass
class Machine:
    """What its processes share."""

    loop: asyncio.AbstractEventLoop
    chance: random.Random
    delay_s: float
    """Of a message, on average."""
    breaking: float = 0.0
    """How probable it is that a link breaks instead of carrying a message."""
    slowness_s: float = 0.0
    """How late a message may be that the other process is slow to read."""
    listening: "dict[str, tuple[MachineNetwork, Accept]]" = field(default_factory=dict)

    def some_delay_s(self) -> float:
        if self.slowness_s and self.chance.random() < 0.05:
            return self.slowness_s * self.chance.random()
        return self.delay_s * self.chance.uniform(0.5, 1.5)


class MachineNetwork:
    """The `Network` of one process; use it inside that process."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.context: Context = copy_context()
        self._name = ""
        self._ends: list[_End] = []

    async def listen(self, name: str, accept: Accept) -> None:
        self._name = name
        self.machine.listening[name] = (self, accept)

    async def dial(self, name: str, accept: Accept) -> bool:
        await asyncio.sleep(self.machine.some_delay_s())
        if name not in self.machine.listening:
            return False
        other, others_accept = self.machine.listening[name]
        mine, theirs = _End(self), _End(other)
        mine.other, theirs.other = theirs, mine
        mine.receiver = accept(mine)
        theirs.run(lambda: theirs.begin(others_accept))
        return True

    async def close(self) -> None:
        self.machine.listening.pop(self._name, None)
        for end in self._ends:
            end.close()

    def crash(self) -> None:
        """The process was killed: the kernel closes its sockets, while it takes no step any more."""
        self.machine.listening.pop(self._name, None)
        for end in self._ends:
            if end.up:
                end.up = False
                end.other.run(end.other.end)

    def adopt(self, end: "_End") -> None:
        self._ends = [each for each in self._ends if each.up] + [end]


class _End:
    """One side of a link."""

    receiver: Receiver
    other: "_End"

    def __init__(self, network: MachineNetwork) -> None:
        self.up = True
        self._network = network
        self._due_s = 0.0
        network.adopt(self)

    def send(self, message: bytes) -> bool:
        machine = self._network.machine
        if self.up and machine.chance.random() < machine.breaking:
            self.close()
        if not self.up:
            return False
        self.other.run(lambda: self.other.arrive(message))
        return True

    def close(self) -> None:
        if self.up:
            self.run(self.end)
            self.up = False
            self.other.run(self.other.end)

    def run(self, step: Callable[[], None]) -> None:
        """Do this on this side, after all that is on its way here."""
        loop = self._network.machine.loop
        arrives_s = loop.time() + self._network.machine.some_delay_s()
        # Timers of the same moment may run in any order.
        self._due_s = max(self._due_s + 1e-6, arrives_s)
        loop.call_at(self._due_s, step, context=self._network.context)

    def begin(self, accept: Accept) -> None:
        self.receiver = accept(self)

    def arrive(self, message: bytes) -> None:
        if self.up:
            self.receiver.received(message)

    def end(self) -> None:
        """The link is down: known here once, whichever side ended it."""
        self.up = False
        if not self._ended:
            self._ended = True
            self.receiver.closed()

    _ended = False
