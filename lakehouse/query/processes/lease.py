"""One query's use of a worker, which always ends. Owns no process and no queue.

A query ends in one of four ways: its last message arrived, its time is up, its caller left, its
process died. The first that happens is reported once, to whoever made the lease.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.processes.worker_handle import WorkerDied, WorkerProcess
from lakehouse.query.wire.framing import FrameTooLarge
from lakehouse.query.wire.messages import Ask, Done, FromWorker, QueryFailed, Views, Whole

T = TypeVar("T")


class Lease:
    """A worker lent to one query."""

    def __init__(
        self,
        worker: WorkerProcess,
        number: int,
        limit_s: float,
        waited_s: float,
        grace_s: float,
        over: Callable[["Lease"], None],
    ) -> None:
        """`over` is called once, when the query has ended or has to: see `fit` and `stop`."""
        self.worker = worker
        self.number = number
        self._limit_s = limit_s
        loop = asyncio.get_running_loop()
        self._until_s = loop.time() + max(limit_s - waited_s, 0.001)
        self._timer = loop.call_at(self._until_s, self._expire)
        self._grace_s = grace_s
        self._report = over
        self._reported = False
        self._over = asyncio.Event()  # the caller left, or the last message was seen
        self._settled = False
        self.fit = False
        """Whether the query has ended and its worker can run another one."""
        self._expired = False

    async def send(self, message: Ask | Views) -> None:
        """Send the worker a message. A dead worker is noticed by the next `receive`.

        Raises RefusedError `sql_error` for views that no frame can hold.
        """
        try:
            await self.worker.send(message)
        except WorkerDied:
            self._settle(fit=False)
        except FrameTooLarge as error:
            detail = "the datasets that the statement names have too many objects"
            raise RefusedError(Refused("sql_error", detail)) from error

    async def receive(self) -> FromWorker:
        """Return the next message. Raises RefusedError for a query that failed or must end."""
        try:
            message = await self.worker.receive()
        except WorkerDied as error:
            self._settle(fit=False)
            raise RefusedError(self._died()) from error
        self._note(message)
        if isinstance(message, QueryFailed):
            raise RefusedError(self._failed(message))
        return message

    async def within(self, work: Awaitable[T]) -> T:
        """The result of `work` for this query. Raises RefusedError `query_timeout` when it takes too long."""
        try:
            async with asyncio.timeout_at(self._until_s) as limit:
                return await work
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise RefusedError(out_of_time(self._limit_s)) from error

    def end(self) -> None:
        """End the query for its caller, finished or not."""
        self._over.set()
        self._conclude()

    async def wait(self) -> None:
        """Wait until the query has ended for its caller."""
        await self._over.wait()

    async def stop(self) -> None:
        """Interrupt the query unless it has ended. A worker that does not stop in time is not `fit`."""
        if self._settled:
            return
        try:
            async with asyncio.timeout(self._grace_s):
                await self.worker.interrupt(self.number)
                await self._over.wait()
                while not self._settled:  # the caller left, so the rest is ours to read
                    self._note(await self.worker.receive())
        except (TimeoutError, WorkerDied):
            self.fit = False

    def _expire(self) -> None:
        self._expired = True
        self._conclude()

    def _conclude(self) -> None:
        if self._reported:
            return
        self._reported = True
        self._timer.cancel()
        self._report(self)

    def _note(self, message: FromWorker) -> None:
        if isinstance(message, Done | Whole):
            self.worker.spent = message.spent
            self._settle(fit=True)
        elif isinstance(message, QueryFailed):
            self._settle(fit=not message.broken)

    def _settle(self, fit: bool) -> None:
        self.fit = fit
        self._settled = True
        self._over.set()
        self._conclude()

    def _failed(self, message: QueryFailed) -> Refused:
        if message.code == "query_timeout" and self._expired:
            return out_of_time(self._limit_s)
        return Refused(message.code, message.detail)

    def _died(self) -> Refused:
        if self._expired:
            return out_of_time(self._limit_s)
        return Refused("query_killed", "the process that ran the query died")


def out_of_time(limit_s: float) -> Refused:
    """The answer to a query whose time is up, running or waiting."""
    return Refused("query_timeout", f"the query took longer than {limit_s:g} s")
