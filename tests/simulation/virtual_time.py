"""Virtual time: an event loop that jumps to its next timer, and processes that can be stopped.

Owns the clock and who may take a step. Must never wait, and never run a step of a stopped process:
one that is paused keeps its steps until it goes on, one that has crashed keeps them for ever, so
that not even a `finally` of it runs.
"""

import asyncio
import heapq
import random
from asyncio import BaseEventLoop, Handle, Task, TimerHandle
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class Process:
    """One life of one simulated process: what was created inside it belongs to it."""

    def __init__(self, name: str, loop: "VirtualLoop") -> None:
        self.name = name
        self.stopped = False
        self.crashed = False
        self.held: list[Handle] = []
        self._loop = loop
        self._paused_s = 0.0
        self._paused_at = 0.0
        self._context = Context()
        self._context.run(OWNER.set, self)

    @property
    def paused_s(self) -> float:
        """For how long it has stood still so far."""
        return self._paused_s + (self._loop.time() - self._paused_at if self.stopped else 0.0)

    def spawn(self, work: Coroutine[Any, Any, None]) -> Task[None]:
        """Run `work` as a part of this process."""
        return self._loop.create_task(work, context=self._context.copy())

    def pause(self) -> None:
        """Take no step any more (SIGSTOP, a long collection of garbage)."""
        if not self.stopped:
            self.stopped, self._paused_at = True, self._loop.time()

    def resume(self, answers_first: bool) -> None:
        """Go on with everything that has come due: answers before timers, or as they came.

        Real loops differ: asyncio looks at its sockets first, libuv at its timers.
        """
        if self.crashed or not self.stopped:
            return
        self._paused_s, self.stopped = self.paused_s, False
        self.release(answers_first)

    def crash(self) -> None:
        """Never take a step again (kill -9)."""
        self.pause()
        self.crashed = True

    def release(self, answers_first: bool) -> None:
        """Give what was held back to the loop."""
        if answers_first:
            self.held.sort(key=lambda handle: isinstance(handle, TimerHandle))
        self._loop.go_on(self.held)
        self.held = []


OWNER: ContextVar[Process] = ContextVar("owner")


class Stuck(Exception):
    """Nobody has anything to do, and somebody waits."""


class VirtualLoop(BaseEventLoop):
    """One thread, no sockets, no waiting. Rests on `_ready` and `_scheduled` of CPython's base loop."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self.tasks: list[Task[Any]] = []
        self.faults: list[str] = []
        self.set_task_factory(self._make_task)
        self.set_exception_handler(self._keep_fault)

    def time(self) -> float:
        return self._now

    def go_on(self, handles: list[Handle]) -> None:
        """Run these next, in this order."""
        self._ready.extend(handles)

    def run_in_executor(self, executor: object, work: Callable[..., Any], *arguments: Any) -> Any:
        """No second thread: the work is done at once, and its end is a step of its own."""
        done = self.create_future()
        try:
            done.set_result(work(*arguments))
        except Exception as error:  # noqa: BLE001  raised again where the work is awaited
            done.set_exception(error)
        return done

    def _run_once(self) -> None:
        if not self._ready:
            self._jump()
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            owner = handle._context.get(OWNER)
            if handle._cancelled:
                continue
            if owner is not None and owner.stopped:
                owner.held.append(handle)
            else:
                handle._run()

    def _jump(self) -> None:
        if not self._scheduled:
            raise Stuck
        self._now = max(self._now, self._scheduled[0]._when)
        while self._scheduled and self._scheduled[0]._when <= self._now:
            handle = heapq.heappop(self._scheduled)
            handle._scheduled = False
            self._ready.append(handle)

    def _make_task(self, loop: BaseEventLoop, work: Any, **more: Any) -> Task[Any]:
        # Strong references: when garbage is collected must not decide what happens.
        if len(self.tasks) > 2_000:
            self.tasks = [task for task in self.tasks if not task.done()]
        task = Task(work, loop=loop, **more)
        self.tasks.append(task)
        return task

    def _keep_fault(self, loop: BaseEventLoop, details: dict[str, Any]) -> None:
        # Answers without a waiting client are no fault; a callback that raises is.
        if "handle" in details:
            self.faults.append(repr(details.get("exception")))

    def _write_to_self(self) -> None:
        """There is no other thread to be woken by."""


class SimulatedClock:
    """The clocks of one machine: `skew_s` off the store's, monotonic time without error."""

    def __init__(self, loop: VirtualLoop, skew_s: float) -> None:
        self._loop = loop
        self.skew_s = skew_s

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self._loop.time() + self.skew_s)

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)


async def bury(loop: VirtualLoop, processes: list[Process]) -> None:
    """End what is left of everything, so that nothing outlives the run. Its record is closed by now."""
    for process in processes:
        process.stopped = False
        process.release(answers_first=False)
    mine = asyncio.current_task()
    while left := [task for task in loop.tasks if task is not mine and not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left)


def chance_of(seed: int, *names: object) -> random.Random:
    """Chance of one part's own: what one part draws does not move another's draws."""
    return random.Random("/".join(map(str, (seed, *names))))
