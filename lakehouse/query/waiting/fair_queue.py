"""Which query gets the next worker, and which has to wait or to leave. Pure.

Owns the order among principals. The one with the fewest queries running comes first; among those with
equally many, the one that got a worker least recently. So none waits for another one's queue. There is
one place more than `size`, for a principal that has no query running while others hold every place:
however long they hold them, it need not wait. Must never know what a query asks, or what time it is.
"""

import msgspec


class Share(msgspec.Struct):
    """What one principal has: queries that run, and tickets that wait, first come first served."""

    running: int = 0
    waiting: list[int] = []
    served: int = 0
    """The number of the last place that it got, or of the last one given before it came."""


class Started(msgspec.Struct, frozen=True):
    """The query has a place."""


class Queued(msgspec.Struct, frozen=True):
    """The query waits; `evicted` is the ticket that lost its place in the queue for it."""

    evicted: int | None = None


class QueueFull(msgspec.Struct, frozen=True):
    """The query may not wait: no principal has more waiting than its own would be with it."""


Arrival = Started | Queued | QueueFull


class FairQueue(msgspec.Struct):
    """`size` places, one more for a principal without any, and at most `most_waiting` tickets."""

    size: int
    most_waiting: int
    shares: dict[str, Share] = {}
    """By principal; only those with a query that runs or waits."""
    places: int = 0
    """How many places were given until now."""

    running: int = 0
    """How many queries run."""
    waiting: int = 0
    """How many queries wait."""

    def waits(self, principal: str) -> bool:
        """Whether a query of this principal waits."""
        return principal in self.shares and bool(self.shares[principal].waiting)

    def others_wait(self, principal: str) -> bool:
        """Whether a query of another principal waits."""
        return any(share.waiting for name, share in self.shares.items() if name != principal)

    def arrive(self, principal: str, ticket: int) -> Arrival:
        """A query of `principal` arrives. A full queue loses the newest ticket of whoever has the most."""
        share = self.shares.setdefault(principal, Share(served=self.places))
        share.waiting.append(ticket)
        self.waiting += 1
        if self._next() is not None:  # nobody waited who could have a place
            self._start(share)
            return Started()
        if self.waiting <= self.most_waiting:
            return Queued()
        longest = max(self.shares, key=lambda name: len(self.shares[name].waiting))
        if len(self.shares[longest].waiting) <= len(share.waiting):
            self.leave(principal, ticket)
            return QueueFull()
        evicted = self.shares[longest].waiting[-1]
        self.leave(longest, evicted)
        return Queued(evicted)

    def leave(self, principal: str, ticket: int) -> None:
        """A query that waits gives up."""
        self.shares[principal].waiting.remove(ticket)
        self.waiting -= 1
        self._forget(principal)

    def finish(self, principal: str) -> list[int]:
        """A query of `principal` has ended. The tickets that have a place now."""
        self.shares[principal].running -= 1
        self.running -= 1
        self._forget(principal)
        started: list[int] = []
        while (following := self._next()) is not None:
            started.append(self._start(self.shares[following]))
        return started

    def _next(self) -> str | None:
        """The principal whose first ticket gets a place now."""
        if not self.waiting or self.running > self.size:
            return None
        names = [name for name, share in self.shares.items() if share.waiting]
        name = min(names, key=lambda each: (self.shares[each].running, self.shares[each].served))
        if self.running == self.size and self.shares[name].running:
            return None  # the place beyond `size` is for who has none
        return name

    def _start(self, share: Share) -> int:
        self.places += 1
        self.running += 1
        self.waiting -= 1
        share.running += 1
        share.served = self.places
        return share.waiting.pop(0)

    def _forget(self, principal: str) -> None:
        share = self.shares[principal]
        if not share.running and not share.waiting:
            del self.shares[principal]
