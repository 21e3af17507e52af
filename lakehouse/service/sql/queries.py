"""The queries that run in this process and those that ran: listed, cancelled, remembered within bounds.

Owns no process: cancelling cancels the task that waits for the query, and the engine frees its worker.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from journal.clock import Clock
from journal.slot import format_at
from lakehouse.api.sql import CancelledQueries, RunningQueries, RunningQuery
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.caller import Caller

REMEMBERED = 1_000
SHOWN_CHARACTERS = 4_096
"""How much of a statement's text is kept."""
CANCEL_S = 1.0

_REMEMBERED = (
    "query_id",
    "actor",
    "started_at",
    "sql",
    "format",
    "seq",
    "rows",
    "size_bytes",
    "cached",
)
WAITING, RUNNING = "waiting", "running"
DONE, ABANDONED, FAILED = "done", "abandoned", "failed"


class Entry(msgspec.Struct):
    """One query. `state` is waiting, running, and in the end its outcome: done, abandoned or a code."""

    query_id: str
    actor: str
    sql: str
    format: str
    seq: int
    started_at: str
    started_s: float
    state: str = WAITING
    rows: int | None = None
    size_bytes: int = 0
    ms: float = 0.0
    cached: bool = False

    def begin(self) -> None:
        """It has a worker."""
        self.state = RUNNING


class Queries:
    """The queries of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running: dict[int, _Running] = {}
        self._ended: deque[Entry] = deque(maxlen=REMEMBERED)
        self._number = 0

    def running(self, caller: Caller) -> RunningQueries:
        """The queries that run or wait, oldest first."""
        now_s = self._clock.monotonic()
        rows = [_row(each.entry, now_s - each.entry.started_s) for each in self._running.values()]
        return RunningQueries(rows)

    def count(self) -> int:
        """How many run or wait."""
        return len(self._running)

    def waiting(self) -> bool:
        """Whether any waits for a worker."""
        return any(each.entry.state == WAITING for each in self._running.values())

    async def outlast(self) -> None:
        """Wait until the queries that run now have ended; their time limit bounds it."""
        for each in list(self._running.values()):
            await each.over.wait()

    def ended(self) -> list[Entry]:
        """The queries that ended, oldest first; only the last ones are kept."""
        return list(self._ended)

    def log(self) -> list[dict[str, Any]]:
        """The queries that ended and those that run, oldest first, as rows of `lake.queries`."""
        now_s = self._clock.monotonic()
        running = [_remembered(each.entry, None, now_s) for each in self._running.values()]
        return [_remembered(entry, entry.state, now_s) for entry in self._ended] + running

    async def cancel(self, caller: Caller, query_id: str) -> CancelledQueries:
        """Cancel every query with that id; they have ended when this returns, within a second.

        Raises RefusedError `query_not_found`.
        """
        found = [each for each in self._running.values() if each.entry.query_id == query_id]
        if not found:
            raise RefusedError(
                Refused("query_not_found", f"no query {query_id!r} runs in this process")
            )
        for each in found:
            each.cancel()
        await asyncio.wait([asyncio.create_task(each.over.wait()) for each in found],
                           timeout=CANCEL_S)  # fmt: skip
        return CancelledQueries(query_id, len(found))

    @asynccontextmanager
    async def track(
        self, caller: Caller, query_id: str, sql: str, format_: str, seq: int
    ) -> AsyncIterator[Entry]:
        """List the query that runs inside, and remember how it ended. Several may have one id.

        Raises RefusedError `query_cancelled` inside when it is cancelled.
        """
        entry = Entry(
            *(query_id, caller.actor, sql[:SHOWN_CHARACTERS], format_, seq),
            *(format_at(self._clock.now()), self._clock.monotonic()),
        )
        running = _Running(entry)
        self._number += 1
        number = self._number
        self._running[number] = running
        outcome = FAILED
        try:
            yield entry
            outcome = DONE
        except RefusedError as error:
            outcome = error.refused.code
            raise
        except asyncio.CancelledError as error:
            outcome = ABANDONED
            if running.was_cancelled():
                outcome = "query_cancelled"
                raise RefusedError(Refused(outcome, "it was cancelled by request")) from error
            raise
        finally:
            entry.state = outcome
            entry.ms = (self._clock.monotonic() - entry.started_s) * 1000
            del self._running[number]
            self._ended.append(entry)
            running.over.set()


class _Running:
    """A query and the task that waits for it."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.over = asyncio.Event()
        self._task = asyncio.current_task()
        self._cancelled = False

    def cancel(self) -> None:
        if self._task is not None and not self._cancelled:
            self._cancelled = True
            self._task.cancel()

    def was_cancelled(self) -> bool:
        """Whether a cancellation, and not also a client that left, ended it. Call this once."""
        return self._cancelled and self._task is not None and self._task.uncancel() == 0


def _remembered(entry: Entry, outcome: str | None, now_s: float) -> dict[str, Any]:
    detail = {name: getattr(entry, name) for name in _REMEMBERED}
    ms = (now_s - entry.started_s) * 1000 if outcome is None else entry.ms
    return detail | {"outcome": outcome, "ms": ms}


def _row(entry: Entry, elapsed_s: float) -> RunningQuery:
    return RunningQuery(
        query_id=entry.query_id,
        state=entry.state,
        actor=entry.actor,
        sql=entry.sql,
        format=entry.format,
        seq=entry.seq,
        started_at=entry.started_at,
        elapsed_ms=round(elapsed_s * 1000),
        size_bytes=entry.size_bytes,
    )
