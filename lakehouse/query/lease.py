"""One query's use of a worker, which always ends. Owns no process and no queue.

A query ends in one of four ways: its last message arrived, its time is up, its caller left, its
process died. Each settles the lease once; `watch` then returns whether the worker is still usable.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.framing import FrameTooLarge
from lakehouse.query.messages import Ask, Done, FromWorker, QueryFailed, Views, Whole
from lakehouse.query.worker_handle import WorkerDied, WorkerProcess

T = TypeVar("T")


class Lease:
    """A worker lent to one query."""

    def __init__(
        self, worker: WorkerProcess, number: int, limit_s: float, waited_s: float, grace_s: float
    ) -> None:
        self.worker = worker
        self.number = number
        self._limit_s = limit_s
        self._until_s = asyncio.get_running_loop().time() + max(limit_s - waited_s, 0.001)
        self._grace_s = grace_s
        self._over = asyncio.Event()  # the caller left, or the last message was seen
        self._settled = False
        self._fit = False
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

    async def watch(self) -> bool:
        """Wait for the end and enforce it. Returns whether the worker can take another query."""
        try:
            async with asyncio.timeout_at(self._until_s):
                await self._over.wait()
        except TimeoutError:
            self._expired = True
        if not self._settled:
            await self._cancel()
        return self._fit

    async def _cancel(self) -> None:
        """Interrupt the query; a worker that does not stop within the grace time is killed."""
        try:
            async with asyncio.timeout(self._grace_s):
                await self.worker.interrupt(self.number)
                await self._over.wait()
                while not self._settled:  # the caller left, so the rest is ours to read
                    self._note(await self.worker.receive())
        except (TimeoutError, WorkerDied):
            self._fit = False

    def _note(self, message: FromWorker) -> None:
        if isinstance(message, Done | Whole):
            self.worker.spent = message.spent
            self._settle(fit=True)
        elif isinstance(message, QueryFailed):
            self._settle(fit=not message.broken)

    def _settle(self, fit: bool) -> None:
        self._fit = fit
        self._settled = True
        self._over.set()

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
