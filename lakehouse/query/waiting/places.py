"""The places of running queries: waits for one in the order of the fair queue.

Owns the futures of those who wait. Must never decide who comes next: `FairQueue` does.
"""

import asyncio

from lakehouse.domain.counts import counted
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.processes.lease import out_of_time
from lakehouse.query.waiting.fair_queue import FairQueue, Queued, QueueFull


class Places:
    """One place for each query that runs, shared fairly by principals. For one event loop."""

    def __init__(self, size: int, most_waiting: int, retry_after_s: int) -> None:
        self.queue = FairQueue(size, most_waiting)
        self._retry_after_s = retry_after_s
        self._tickets = 0
        self._turns: dict[int, tuple[str, asyncio.Future[bool]]] = {}
        """Of each ticket that waits: whose it is, and what resolves to whether it got a place."""

    async def take(self, principal: str, limit_s: float, waiting_s: float) -> None:
        """Take a place; wait at most `waiting_s`, and at most the query's own `limit_s`.

        Raises RefusedError: `busy` where the queue is full or the wait is too long, `query_timeout`.
        """
        self._tickets += 1
        ticket = self._tickets
        arrival = self.queue.arrive(principal, ticket)
        if isinstance(arrival, QueueFull):
            raise RefusedError(self._busy())
        if isinstance(arrival, Queued):
            if arrival.evicted is not None:
                self._resolve(arrival.evicted, got_place=False)
            await self._turn(principal, ticket, limit_s, waiting_s)

    def give_back(self, principal: str) -> None:
        """A query of this principal has ended: its place goes to the next ones."""
        ended = [principal]
        while ended:
            for ticket in self.queue.finish(ended.pop()):
                owner, _ = self._turns[ticket]
                if not self._resolve(ticket, got_place=True):
                    ended.append(owner)  # it has left; its task has not yet run to say so

    async def _turn(self, principal: str, ticket: int, limit_s: float, waiting_s: float) -> None:
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._turns[ticket] = principal, turn
        try:
            async with asyncio.timeout(min(limit_s, waiting_s)):
                got_place = await turn
        except BaseException as error:
            if self._turns.pop(ticket, None):
                self.queue.leave(principal, ticket)
            elif not turn.cancelled() and turn.result():
                self.give_back(principal)  # it came at the moment at which the wait ended
            if isinstance(error, TimeoutError):
                late = limit_s <= waiting_s
                refused = out_of_time(limit_s) if late else self._busy(waiting_s)
                raise RefusedError(refused) from error
            raise
        if not got_place:
            raise RefusedError(self._busy())

    def _resolve(self, ticket: int, *, got_place: bool) -> bool:
        """End a wait. Returns whether anybody still waited."""
        _, turn = self._turns.pop(ticket)
        if turn.done():
            return False
        turn.set_result(got_place)
        return True

    def _busy(self, waited_s: float | None = None) -> Refused:
        running = counted(self.queue.running, "query", "queries")
        if waited_s is None:
            detail = f"{running} running and {self.queue.waiting} waiting"
        else:
            detail = f"it waited {waited_s:g} s for its turn; {running} running"
        return Refused("busy", detail, retry_after_s=self._retry_after_s)
