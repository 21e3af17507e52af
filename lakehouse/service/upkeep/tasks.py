"""Tasks: work that outlasts the request that began it, one of a kind at a time, in this process alone.

Owns how far each task is and what came of it, in memory: a task ends with its process. Must never decide
who may begin one, nor what it does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import msgspec
import structlog

from journal.clock import Clock
from journal.slot import format_at
from lakehouse.commit import faults
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.progress import ProgressCallback
from lakehouse.service.caller import Caller

State = Literal["running", "done", "failed", "cancelled"]
RUNNING: State = "running"
Result = msgspec.Struct
Work = Callable[[ProgressCallback], Awaitable[Result]]
"""Calls the callback with how many are done."""

log = structlog.get_logger()


class Outcome(msgspec.Struct, frozen=True):
    """How a task has ended."""

    state: State
    result: Result | None = None
    refused: Refused | None = None


class Task(msgspec.Struct, frozen=True):
    """A task as it is now."""

    kind: str
    state: State
    began_at: str
    actor: str
    """Who began it."""
    about: str = ""
    """What was asked for, where tasks of a kind differ."""
    done: int = 0
    total: int | None = None
    """How many there are to do, where that is known."""
    ended_at: str | None = None
    result: Result | None = None
    """Of a task that is done."""
    refused: Refused | None = None
    """Why it has failed."""


class Tasks:
    """The last task of each kind."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._latest: dict[str, Task] = {}
        self._running: dict[str, asyncio.Task[Outcome]] = {}

    def latest(self) -> Mapping[str, Task]:
        """By kind."""
        return dict(self._latest)

    def begin(
        self, kind: str, caller: Caller, work: Work, total: int | None = None, about: str = ""
    ) -> None:
        """Begin the work. Raises RefusedError `busy` while a task of this kind is running."""
        if kind in self._running:
            detail = f"a task of this kind is running, begun by {self._latest[kind].actor}"
            raise RefusedError(Refused("busy", detail, retry_after_s=5))

        def reached(done: int) -> None:
            self._change(kind, done=done)

        self._latest[kind] = Task(kind, RUNNING, self._now(), caller.actor, about, total=total)
        task = asyncio.create_task(_outcome(work, reached), name=f"upkeep-{kind}")
        self._running[kind] = task
        # Not in the task itself: one that is cancelled before its first step never runs.
        task.add_done_callback(lambda ended: self._end(kind, ended))

    def forget(self, kind: str) -> None:
        """Forget what a task has found, unless it is running: it is true no more."""
        if kind not in self._running:
            self._latest.pop(kind, None)

    async def wait(self, kind: str, within_s: float) -> None:
        """Wait until the task has ended, for so long at most."""
        if (task := self._running.get(kind)) is not None:
            await asyncio.wait({task}, timeout=within_s)

    async def cancel(self, kind: str) -> None:
        """Cancel the task, and wait until it has ended. Nothing happens if it is not running."""
        if (task := self._running.get(kind)) is not None:
            task.cancel()
            await asyncio.wait({task})

    async def close(self) -> None:
        """Cancel all tasks."""
        for kind in list(self._running):
            await self.cancel(kind)

    def _end(self, kind: str, task: "asyncio.Task[Outcome]") -> None:
        del self._running[kind]
        outcome = Outcome("cancelled") if task.cancelled() else task.result()
        self._change(kind, ended_at=self._now(), **msgspec.structs.asdict(outcome))

    def _change(self, kind: str, **changes: object) -> None:
        self._latest[kind] = msgspec.structs.replace(self._latest[kind], **changes)

    def _now(self) -> str:
        return format_at(self._clock.now())


async def _outcome(work: Work, reached: ProgressCallback) -> Outcome:
    """What the work has come to, but for a cancellation."""
    try:
        return Outcome("done", await work(reached))
    except RefusedError as error:
        return Outcome("failed", refused=error.refused)
    except faults.KNOWN as error:
        log.warning("fault", kind=type(error).__name__, detail=str(error))
        return Outcome("failed", refused=faults.refusal(error))
    except Exception:
        log.exception("bug")
        detail = "this is a bug; the log has its cause"
        return Outcome("failed", refused=Refused("internal_error", detail))
