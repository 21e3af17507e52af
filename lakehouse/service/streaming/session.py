"""One open stream: its body is read by one task while another commits the groups, one after the other.

Owns when a group ends, and what a stream that fails has committed. Must never have two groups of one
stream between decision and commit: their lines would change order.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

from journal.clock import Clock
from journal.threads import over
from lakehouse.api.ingest.stream import StreamAck, StreamTotal
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.refusals import refusal
from lakehouse.service.streaming.limits import StreamLimits
from lakehouse.service.streaming.line_buffer import Group, LineBuffer
from lakehouse.service.streaming.memory import StreamMemory

Commit = Callable[[Group], Awaitable[StreamAck]]
Acknowledge = Callable[[StreamAck], None]
"""Must return at once."""


class StreamSession:
    """The lines of one stream."""

    def __init__(
        self,
        commit: Commit,
        clock: Clock,
        limits: StreamLimits,
        memory: StreamMemory,
        first_line: int,
        next_line: int = 0,
    ) -> None:
        """`first_line` is the first that comes, `next_line` the one that follows what is committed."""
        self._commit = commit
        self._clock = clock
        self._limits = limits
        self._memory = memory
        self._buffer = LineBuffer(first_line, limits.group_bytes, limits.group_s, next_line)
        self._committing_bytes = 0
        self.committed_bytes = 0
        self._changed = asyncio.Event()
        """For the committing task: bytes came, or nothing more will come."""
        self._taken = asyncio.Event()
        """For the reading task: the whole lines went into a group."""
        self._came_s = clock.monotonic()
        self._stopping: Refused | None = None
        first = 1 if next_line > 1 else first_line
        self._end = StreamTotal(True, None, 0, 0, 0, (first, max(first_line, next_line)))

    @property
    def committed(self) -> tuple[int, int] | None:
        """The lines that are committed, by earlier connections too; None before the first group."""
        first, stop = self._end.lines
        return (first, stop) if stop > first else None

    def stop(self, why: Refused) -> None:
        """End the stream by this refusal, once the whole lines that have come are committed."""
        self._stopping = self._stopping or why
        self._changed.set()

    async def receive(self, chunks: AsyncIterator[bytes], acknowledge: Acknowledge) -> StreamTotal:
        """Commit all lines of the body `chunks`; `acknowledge` is called after each group. Call it once.

        Raises RefusedError: what `commit` and `chunks` raise, `malformed_ndjson` for a line that is too
        long, `busy`, `body_too_slow`, and the refusal of `stop`.
        """
        reading = asyncio.create_task(self._read(chunks))
        reading.add_done_callback(lambda _: self._changed.set())
        try:
            while (group := await self._next(reading)) is not None:
                acknowledge(await self._committed(group))
            if not reading.done() and self._stopping is not None:
                raise RefusedError(self._stopping)
            await reading
            first, stop = self._end.lines
            lines = (first, max(stop, self._buffer.next_line))
            return msgspec.structs.replace(self._end, lines=lines)
        finally:
            reading.cancel()
            await over(reading)
            self._memory.forget(self)

    async def _read(self, chunks: AsyncIterator[bytes]) -> None:
        async for chunk in chunks:
            self._came_s, had_rows = self._clock.monotonic(), self._buffer.due_s is not None
            self._buffer.add(chunk, self._came_s)
            self._count()
            if self._is_full or not had_rows:
                # A pause of the other task is begun anew by this, so not for each piece.
                self._changed.set()
            if self._buffer.open_bytes > self._limits.line_bytes:
                line, most = self._buffer.next_line, self._limits.line_bytes
                reason = f"longer than {most:,} bytes"
                detail = f"line {line}: {reason}"
                raise refusal("malformed_ndjson", detail, line=line, reason=reason)
            await self._room()
        self._buffer.end(self._clock.monotonic())

    async def _room(self) -> None:
        """Wait until further bytes may come: nothing more is read of a client that is too fast."""
        while self._is_full:
            self._taken = asyncio.Event()
            await self._taken.wait()
        await self._memory.room()

    @property
    def _is_full(self) -> bool:
        has_rows = self._buffer.due_s is not None
        return has_rows and (self._buffer.is_full or self._memory.is_full)

    def _count(self) -> None:
        whole_bytes = len(self._buffer) - self._buffer.open_bytes + self._committing_bytes
        self._memory.count(self, whole_bytes, self._buffer.open_bytes)

    async def _next(self, reading: asyncio.Task[None]) -> Group | None:
        """The next group, once it is due; None when no further one is to be committed."""
        while True:
            self._changed.clear()
            if reading.done() and reading.exception() is not None:
                return None
            now_s = self._clock.monotonic()
            due_s = self._buffer.due_s
            is_due = self._is_full or (due_s is not None and due_s <= now_s)
            if is_due or reading.done() or self._stopping is not None:
                return self._take()
            await self._wait(now_s, due_s)

    def _take(self) -> Group | None:
        group = self._buffer.take()
        self._committing_bytes = len(group.body) if group is not None else 0
        self._count()
        self._taken.set()
        return group

    async def _wait(self, now_s: float, due_s: float | None) -> None:
        """Wait for a change, until a group is due or the stream was idle for too long."""
        idle_s = self._came_s + self._limits.idle_s
        if idle_s <= now_s:
            detail = f"no byte of the stream came within {self._limits.idle_s:g} s"
            self.stop(Refused("body_too_slow", detail))
            return
        until_s = idle_s if due_s is None else min(due_s, idle_s)
        changed = asyncio.create_task(self._changed.wait())
        slept = asyncio.create_task(self._clock.sleep(until_s - now_s))
        try:
            await asyncio.wait([changed, slept], return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
            slept.cancel()

    async def _committed(self, group: Group) -> StreamAck:
        try:
            ack = await self._commit(group)
            self.committed_bytes += len(group.body)
        finally:
            self._committing_bytes = 0
            self._count()
        # Nothing was read of a client that had to wait for this.
        self._came_s = self._clock.monotonic()
        end = self._end
        self._end = StreamTotal(
            True,
            ack.seq,
            end.rows + ack.rows,
            end.rows_quarantined + ack.rows_quarantined,
            end.groups + 1,
            (end.lines[0], group.stop),
        )
        return ack
