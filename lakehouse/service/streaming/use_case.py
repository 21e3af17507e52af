"""Streams of rows: a body that stays open, whose lines are appended to a dataset in groups.

Owns which streams are open. A group is an ingest like any other: read, judged and committed whole, or not
at all.
"""

import hashlib
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from functools import partial

import msgspec

from journal.clock import Clock
from journal.slot import format_at
from journal.threads import in_thread
from lakehouse.api.ingest.stream import StreamAck, StreamKeepalive, StreamTotal
from lakehouse.commit.limiter import Limiter
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.rules.streams import committed
from lakehouse.formats.file_formats import compression_of
from lakehouse.formats.refusals import refusal
from lakehouse.process.spool import HELD_BYTES, Spooled, small_sha256
from lakehouse.service.access.quotas import INGESTS, Quotas
from lakehouse.service.caller import Caller
from lakehouse.service.changes import NOTHING_SHA256
from lakehouse.service.ingest.plan import IngestPlan, check_plan
from lakehouse.service.ingest.use_case import Ingest, Upload
from lakehouse.service.streaming.decoding import check_encoding, decoded
from lakehouse.service.streaming.group_turns import GroupTurns
from lakehouse.service.streaming.limits import StreamLimits
from lakehouse.service.streaming.line_buffer import Group
from lakehouse.service.streaming.memory import StreamMemory
from lakehouse.service.streaming.session import Acknowledge, StreamSession

FIRST_LINE = "first_line"
"""The parameter that may differ when a stream is sent again."""
_STOPPING = Refused("shutting_down", "the server is being stopped")


class OpenStream(msgspec.Struct, frozen=True):
    """A stream that was admitted; its body may follow."""

    session: StreamSession
    content_encoding: str | None
    clock: Clock
    resumed: StreamAck | None = None
    """What earlier connections have committed of it."""

    @property
    def counted_bytes(self) -> int:
        """What its principal's `bytes_per_day` have of it."""
        return self.session.committed_bytes

    @property
    def committed(self) -> tuple[int, int] | None:
        """The lines that are committed; None before the first group."""
        return self.session.committed

    def keepalive(self) -> StreamKeepalive:
        """The line that is sent when no group was committed for some seconds."""
        return StreamKeepalive(True, format_at(self.clock.now()))

    async def receive(self, chunks: AsyncIterator[bytes], acknowledge: Acknowledge) -> StreamTotal:
        """Commit all lines of the body. `acknowledge` is called after each group, and must not wait.

        Raises RefusedError: as Ingest.ingest for a group, none of which is committed then,
        `malformed_encoding`, `busy`, `body_too_slow`, `shutting_down`, and what `chunks` raises.
        """
        return await self.session.receive(decoded(chunks, self.content_encoding), acknowledge)


class Streams:
    """The streams of one process."""

    def __init__(
        self, node: Node, ingest: Ingest, pool: Executor, quotas: Quotas, limits: StreamLimits
    ) -> None:
        self._node = node
        self._ingest = ingest
        self._pool = pool
        self._quotas = quotas
        self._limits = limits
        self._memory = StreamMemory(limits.held_bytes)
        self._turns = GroupTurns()
        self._open = set[StreamSession]()
        self._stopping = False
        self.gate = Limiter(limits.streams, "stream", retry_after_s=5)
        self.rows = self.groups = 0
        """Committed by this process."""

    def close(self) -> None:
        """End all streams, each after what has come of it is committed: this process stops."""
        self._stopping = True
        for session in tuple(self._open):
            session.stop(_STOPPING)

    @asynccontextmanager
    async def open(
        self, caller: Caller, plan: IngestPlan, first_line: int = 1
    ) -> AsyncIterator[OpenStream]:
        """A stream, open while the context lasts. With an idempotency key, it continues where the last one
        with this key ended: lines that come again are passed over.

        Raises RefusedError: `invalid_name`, `invalid_request`, `forbidden`, `unsupported_media_type`,
        `idempotency_key_reused`, `expectation_failed` for a gap, `busy`, `shutting_down`.
        """
        check_plan(plan)
        check_encoding(plan.content_encoding)
        if first_line < 1:
            raise RefusedError(Refused("invalid_request", "first_line counts from 1"))
        self._ingest.check_writable(caller, plan.name)
        if self._stopping:
            raise RefusedError(_STOPPING)
        of_text = msgspec.structs.replace(plan, content_encoding=None)
        clock, caller = self._node.clock, _same_for_each_line(caller)
        with self._quotas.use(caller, INGESTS), self.gate.slot():
            resumed = await self._resumed(caller, first_line)
            session = StreamSession(
                *(partial(self._commit, caller, of_text), clock, self._limits, self._memory),
                *(first_line, resumed.lines[1] if resumed is not None else 0),
            )
            self._open.add(session)
            try:
                yield OpenStream(session, plan.content_encoding, clock, resumed)
            finally:
                self._open.discard(session)

    async def _resumed(self, caller: Caller, first_line: int) -> StreamAck | None:
        """What is committed of the stream with the caller's key; None for a new one, or without a key."""
        if caller.idempotency_key is None:
            return None
        # What another process has committed; what it commits from now on is found by the decision.
        await self._node.refresh()
        state, context = self._node.state, caller.context("", caller.request_hash(NOTHING_SHA256))
        found = committed(state, context)
        if isinstance(found, Refused):
            raise RefusedError(found)
        next_line = found.next_line if found is not None else 1
        if first_line > next_line:
            detail = f"line {next_line} of the stream is missing: send it and those after it first"
            raise RefusedError(Refused("expectation_failed", detail))
        if found is None:
            return None
        header, _ = await self._node.past.event_at((found.position, found.seq))
        return StreamAck(found.seq, 0, 0, (1, next_line), header.at)

    async def _sha256(self, body: bytes) -> str:
        if len(body) <= HELD_BYTES:
            return small_sha256(body)
        return await in_thread(self._pool, lambda: hashlib.sha256(body).hexdigest())

    async def _commit(self, caller: Caller, plan: IngestPlan, group: Group) -> StreamAck:
        if compression_of(group.body[:4]):
            reason = "bytes that are not JSON"
            detail = f"line {group.first}: {reason}"
            raise refusal("malformed_ndjson", detail, line=group.first, reason=reason)
        body = group.body
        self._quotas.check_bytes(caller)
        part = msgspec.structs.replace(plan, lines=(group.first, group.stop))
        async with self._turns.turn(caller.principal or ""):
            digest = await self._sha256(body)
            now = msgspec.structs.replace(caller, accepted_s=self._node.clock.monotonic())
            receipt = await self._ingest.ingest(now, part, Upload(Spooled(body, digest, len(body))))
        found = receipt.body
        self._quotas.count_bytes(caller, len(body))
        self.groups += 1
        self.rows += found.rows_ingested or 0
        return StreamAck(
            receipt.seq,
            found.rows_ingested or 0,
            found.rows_quarantined,
            (group.first, group.stop),
            found.updated_at,
        )


def _same_for_each_line(caller: Caller) -> Caller:
    """The caller of a request that is the same from whichever line on it is sent."""
    query = tuple(pair for pair in caller.query if pair[0] != FIRST_LINE)
    return msgspec.structs.replace(caller, query=query)
