"""The queries that run in this process, and a bounded log of those that ended; lists and cancels them.

Owns how many bytes the statements that wait may have together. Must never stop a worker: cancelling cancels
the task that waits for the query, and the engine frees its worker.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any

import msgspec

from journal.slot import format_at
from lakehouse.api.sql import CancelledQueries, RunningQueries, RunningQuery
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.waiting.waiting_bytes import MAX_WAITING_BYTES, Waiting, evicted
from lakehouse.service.access.permissions import permissions
from lakehouse.service.access.quotas import Quotas
from lakehouse.service.caller import Caller

MAX_ENDED = 1_000
"""How many ended queries the log holds."""
MAX_SQL_CHARACTERS = 4_096
"""How much of the text of a statement is stored."""
CANCEL_S = 1.0
"""How long a request to cancel waits for the queries to end."""
RETRY_AFTER_S = 2
_CANCELLED = Refused("query_cancelled", "it was cancelled by request")

_LOGGED = (
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


class QueryRecord(msgspec.Struct):
    """One query. `state` is waiting or running, and then its outcome: done, abandoned, failed or a code."""

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
    principal: str | None = None
    """Who runs it; None in an open lake, and for a command on the bucket."""
    client_query_id: str | None = None
    """The id that the client itself gave it."""

    def begin(self) -> None:
        """Record that a worker runs it."""
        self.state = RUNNING


class Queries:
    """The queries of one process."""

    def __init__(self, node: Node, quotas: Quotas | None = None) -> None:
        self._node = node
        self._quotas = quotas or Quotas(node)
        self._clock = node.clock
        self._running: dict[int, _RunningTask] = {}
        self._ended: deque[QueryRecord] = deque(maxlen=MAX_ENDED)
        self._number = 0
        self._size_bytes = 0
        """Of all statements that run or wait."""

    def running(self, caller: Caller) -> RunningQueries:
        """The queries of the caller that run or wait, oldest first; all of them for an admin."""
        now_s = self._clock.monotonic()
        rows = [
            _running_query(each.record, now_s - each.record.started_s) for each in self._of(caller)
        ]
        return RunningQueries(rows)

    def _of(self, caller: Caller) -> list["_RunningTask"]:
        """The queries that the caller may see and cancel."""
        held = permissions(self._node, caller)
        return [
            each
            for each in self._running.values()
            if held.unrestricted or (held.name and each.record.principal == held.name)
        ]

    def count(self) -> int:
        """The number of queries that run or wait."""
        return len(self._running)

    async def wait_until_ended(self) -> None:
        """Wait until the queries that run now have ended; their time limit bounds it."""
        for each in list(self._running.values()):
            await each.over.wait()

    def ended(self) -> list[QueryRecord]:
        """The queries that ended, oldest first; only the last ones are kept."""
        return list(self._ended)

    def log(self) -> list[dict[str, Any]]:
        """The queries that ended and those that run, oldest first, as rows of `lake.queries`."""
        now_s = self._clock.monotonic()
        running = [_log_row(each.record, None, now_s) for each in self._running.values()]
        return [_log_row(record, record.state, now_s) for record in self._ended] + running

    async def cancel(self, caller: Caller, query_id: str) -> CancelledQueries:
        """Cancel every query of the caller with that id, the server's or the client's own.

        They have ended when this returns, within a second. Raises RefusedError `query_not_found`.
        """
        found = [each for each in self._of(caller) if query_id in _ids(each.record)]
        if not found:
            raise RefusedError(
                Refused("query_not_found", f"no query {query_id!r} runs in this process")
            )
        for each in found:
            each.cancel()
        await asyncio.wait([asyncio.create_task(each.over.wait()) for each in found],
                           timeout=CANCEL_S)  # fmt: skip
        return CancelledQueries(query_id, len(found))

    def turn(self, caller: Caller) -> AbstractAsyncContextManager[None]:
        """What a tracked query runs inside: raises RefusedError `busy` as `Quotas.query` does."""
        return self._quotas.query(caller)

    @contextmanager
    def track(
        self, caller: Caller, query_id: str, sql: str, format_: str, seq: int, size_bytes: int
    ) -> Iterator[QueryRecord]:
        """List the query that runs inside, and log how it ended. Several queries may have the same id.

        `size_bytes`: what its statement and parameters take in memory. Raises RefusedError
        `query_cancelled` inside when it is cancelled, `busy` where the statements that wait are too large
        together.
        """
        record = QueryRecord(
            *(query_id, caller.actor, sql[:MAX_SQL_CHARACTERS], format_, seq),
            *(format_at(self._clock.now()), self._clock.monotonic()),
            principal=caller.principal,
            client_query_id=caller.client_query_id,
        )
        self._number += 1
        number = self._number
        running = _RunningTask(record, size_bytes)
        self._running[number] = running
        self._size_bytes += size_bytes
        outcome = FAILED
        try:
            self._make_room(number)
            yield record
            outcome = DONE
        except RefusedError as error:
            outcome = error.refused.code
            raise
        except asyncio.CancelledError as error:
            outcome = ABANDONED
            if (refused := running.ended_by()) is not None:
                outcome = refused.code
                raise RefusedError(refused) from error
            raise
        finally:
            record.state = outcome
            record.ms = (self._clock.monotonic() - record.started_s) * 1000
            del self._running[number]
            self._size_bytes -= size_bytes
            self._ended.append(record)
            running.over.set()

    def _make_room(self, number: int) -> None:
        """Hold what waits to its bytes: end others for the query of this number, or refuse it."""
        if self._size_bytes <= MAX_WAITING_BYTES:
            return
        waiting = {
            each: _waiting(each, running)
            for each, running in self._running.items()
            if running.waits
        }
        arriving = waiting.pop(number)
        busy = Refused("busy", "too many large statements wait", retry_after_s=RETRY_AFTER_S)
        leaving = evicted(waiting.values(), arriving)
        if leaving is None:
            raise RefusedError(busy)
        for each in leaving:
            self._running[each].cancel(busy)


class _RunningTask:
    """A query and the task that waits for it."""

    def __init__(self, record: QueryRecord, size_bytes: int) -> None:
        self.record = record
        self.size_bytes = size_bytes
        self.over = asyncio.Event()
        self._task = asyncio.current_task()
        self._refused: Refused | None = None

    @property
    def waits(self) -> bool:
        """Whether it waits for its turn or a worker, and was not ended."""
        is_waiting = self.record.state == WAITING and not self.record.cached
        return is_waiting and self._refused is None

    def cancel(self, refused: Refused = _CANCELLED) -> None:
        """End it with this refusal."""
        if self._task is not None and self._refused is None:
            self._refused = refused
            self._task.cancel()

    def ended_by(self) -> Refused | None:
        """What ended it, if only `cancel` did, not a client that left too. Call this once."""
        if self._refused is None or self._task is None or self._task.uncancel() > 0:
            return None
        return self._refused


def _waiting(number: int, running: _RunningTask) -> Waiting:
    return Waiting(number, running.record.principal or "", running.size_bytes)


def _log_row(record: QueryRecord, outcome: str | None, now_s: float) -> dict[str, Any]:
    detail = {name: getattr(record, name) for name in _LOGGED}
    ms = (now_s - record.started_s) * 1000 if outcome is None else record.ms
    return detail | {"outcome": outcome, "ms": ms, "principal": record.principal}


def _ids(record: QueryRecord) -> tuple[str | None, ...]:
    return record.query_id, record.client_query_id


def _running_query(record: QueryRecord, elapsed_s: float) -> RunningQuery:
    return RunningQuery(
        query_id=record.query_id,
        state=record.state,
        actor=record.actor,
        sql=record.sql,
        format=record.format,
        seq=record.seq,
        started_at=record.started_at,
        elapsed_ms=round(elapsed_s * 1000),
        size_bytes=record.size_bytes,
        client_query_id=record.client_query_id,
    )
