"""How processes of one machine reach each other: what delegation needs of a network.

`sockets` implements it; the simulation has another. Must never be relied on for a result: a message may
be lost together with its link, at any moment, and a link that is down does not show what was done.
"""

from collections.abc import Callable
from typing import Protocol


class Link(Protocol):
    """A connection to one other process. Messages arrive whole and in order, or not at all."""

    def send(self, message: bytes) -> bool:
        """Send, without waiting. False: the link is down, or the other side reads too slowly."""

    def close(self) -> None:
        """End the link: `closed` of both receivers is called."""


class Receiver(Protocol):
    """One side of a link."""

    def received(self, message: bytes) -> None:
        """Called with each message."""

    def closed(self) -> None:
        """Called once, when the link is down."""


Accept = Callable[[Link], Receiver]


class Network(Protocol):
    """The processes of this machine that have the same lake open, by the names of their writers."""

    async def listen(self, name: str, accept: Accept) -> None:
        """Let others connect to `name`. A failure is logged, not raised."""

    async def dial(self, name: str, accept: Accept) -> bool:
        """Connect to `name`. False: it cannot be reached from here."""

    async def close(self) -> None:
        """End all links and accept no new ones."""
