"""What each principal uses of this process, held to its limits.

Owns counts in memory: they start from zero with the process, and each process counts for itself. Must
never make one principal wait for another: a principal over its own limit waits for its own calls, or is
refused.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext

from journal.access_events import PrincipalLimits
from lakehouse.commit.node import Node
from lakehouse.domain.counts import counted
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.caller import Caller
from projections import access

CONNECTIONS, INGESTS = "connections", "ingests"
WAITING_S = 30.0
"""How long a query waits for another one of its principal to end."""
RETRY_AFTER_S = 5
_HOUR_S, _HOURS = 3_600.0, 24
NO_LIMITS = PrincipalLimits()


class _Turns:
    """The queries of one principal that run, and those that wait, first come first served."""

    def __init__(self) -> None:
        self.running = 0
        self.waiting: deque[asyncio.Future[None]] = deque()


class Quotas:
    """The uses of one process by each principal."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._inside: dict[tuple[str, str], int] = {}
        self._turns: dict[str, _Turns] = {}
        self._bytes: dict[str, deque[tuple[int, int]]] = {}
        """(hour, bytes) of the last day."""

    @contextmanager
    def use(self, caller: Caller, kind: str) -> Iterator[None]:
        """Count as one of CONNECTIONS or INGESTS while the context lasts. Raises RefusedError `busy`."""
        name, limit = self._limit(caller, kind)
        if name is None:
            yield
            return
        place = (name, kind)
        inside = self._inside.get(place, 0)
        if limit is not None and inside >= limit:
            raise RefusedError(_busy(counted(inside, kind.removesuffix("s")), name))
        self._inside[place] = inside + 1
        try:
            yield
        finally:
            self._inside[place] -= 1
            if not self._inside[place]:
                del self._inside[place]

    def query(self, caller: Caller) -> AbstractAsyncContextManager[None]:
        """Run inside as one of the queries of the principal; waits for one of them to end.

        Raises RefusedError `busy` if as many are waiting already, or none ends in time.
        """
        name, limit = self._limit(caller, "queries")
        if name is None or limit is None:
            return nullcontext()
        return self._in_turn(caller, name, limit)

    @asynccontextmanager
    async def _in_turn(self, caller: Caller, name: str, limit: int) -> AsyncIterator[None]:
        turns = self._turns.setdefault(name, _Turns())
        await self._turn(caller, name, turns, limit)
        try:
            yield
        finally:
            self._pass_on(name, turns)

    def has_limits(self, caller: Caller) -> bool:
        """Whether the caller is a principal with a limit."""
        return self._limits(caller) is not None

    def check_bytes(self, caller: Caller) -> None:
        """Raises RefusedError `quota_exceeded` if the caller has used its bytes of the last 24 hours."""
        name, limit = self._limit(caller, "bytes_per_day")
        if name is None or limit is None or self._used(name) < limit:
            return
        detail = f"{name} has received and sent its {limit:,} bytes of 24 hours"
        raise RefusedError(Refused("quota_exceeded", detail, retry_after_s=int(_HOUR_S)))

    def count_bytes(self, caller: Caller, size_bytes: int) -> None:
        """Count what a request of the caller has received and sent."""
        name, limit = self._limit(caller, "bytes_per_day")
        if name is not None and limit is not None:
            self._used(name)
            self._bytes.setdefault(name, deque()).append((self._hour(), size_bytes))

    async def _turn(self, caller: Caller, name: str, turns: _Turns, limit: int) -> None:
        if turns.running < limit and not turns.waiting:
            turns.running += 1
            return
        _, most = self._limit(caller, "waiting")
        if most is not None and len(turns.waiting) >= most:
            raise RefusedError(_busy(counted(turns.running, "query", "queries"), name))
        turn = asyncio.get_running_loop().create_future()
        turns.waiting.append(turn)
        try:
            async with asyncio.timeout(WAITING_S):
                await turn
        except BaseException as error:
            if turn in turns.waiting:
                turns.waiting.remove(turn)
            elif turn.done() and not turn.cancelled():
                # It was its turn already.
                self._pass_on(name, turns)
            if isinstance(error, TimeoutError):
                raise RefusedError(
                    _busy(counted(turns.running, "query", "queries"), name)
                ) from error
            raise

    def _pass_on(self, name: str, turns: _Turns) -> None:
        """Give the place of a query that has ended to the one that has waited longest."""
        while turns.waiting:
            turn = turns.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        turns.running -= 1
        if not turns.running:
            self._turns.pop(name, None)

    def _limit(self, caller: Caller, kind: str) -> tuple[str | None, int | None]:
        """The name of the principal, if there is one, and its limit of this kind."""
        limits = self._limits(caller)
        if caller.principal is None or limits is None:
            return None, None
        limit: int | None = getattr(limits, kind)
        return caller.principal, limit

    def _limits(self, caller: Caller) -> PrincipalLimits | None:
        """The limits of the principal now; None without a principal, or without any limit."""
        if caller.principal is None:
            return None
        found = access.find(self._node.state.access, caller.principal)
        return found.limits if found is not None and found.limits != NO_LIMITS else None

    def _used(self, name: str) -> int:
        used = self._bytes.get(name)
        if used is None:
            return 0
        while used and used[0][0] <= self._hour() - _HOURS:
            used.popleft()
        if not used:
            del self._bytes[name]
        while len(used) > 1 and used[-1][0] == used[-2][0]:
            hour, size_bytes = used.pop()
            used[-1] = (hour, used[-1][1] + size_bytes)
        return sum(size_bytes for _, size_bytes in used)

    def _hour(self) -> int:
        return int(self._node.clock.monotonic() // _HOUR_S)


def _busy(what: str, name: str) -> Refused:
    detail = f"{name} has {what} in flight, which is its limit"
    return Refused("busy", detail, retry_after_s=RETRY_AFTER_S)
