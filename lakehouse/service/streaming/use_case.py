"""Streams of rows: a body that stays open, whose lines are appended to a dataset in groups.

Owns which streams are open. A group is an ingest like any other: read, judged and committed whole, or not
at all.
"""

import hashlib
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial

import msgspec

from journal.clock import Clock
from journal.slot import format_at
from journal.threads import in_thread
from lakehouse.api.ingest.stream import StreamAck, StreamKeepalive, StreamTotal
from lakehouse.commit.limiter import Limiter
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.file_formats import compression_of
from lakehouse.formats.refusals import refusal
from lakehouse.process.spool import Spooled
from lakehouse.service.access.quotas import INGESTS, Quotas
from lakehouse.service.caller import Caller
from lakehouse.service.ingest.plan import IngestPlan, check_plan
from lakehouse.service.ingest.use_case import Ingest, Upload
from lakehouse.service.streaming.decoding import check_encoding, decoded
from lakehouse.service.streaming.limits import StreamLimits
from lakehouse.service.streaming.line_buffer import Group
from lakehouse.service.streaming.memory import StreamMemory
from lakehouse.service.streaming.session import Acknowledge, StreamSession

_STOPPING = Refused("shutting_down", "the server is being stopped")


class OpenStream(msgspec.Struct, frozen=True):
    """A stream that was admitted; its body may follow."""

    session: StreamSession
    content_encoding: str | None
    clock: Clock

    @property
    def committed(self) -> tuple[int, int] | None:
        """The lines that are committed; None before the first group."""
        return self.session.committed

    def keepalive(self) -> StreamKeepalive:
        """What the client is told when nothing was committed for a while."""
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

    @contextmanager
    def open(self, caller: Caller, plan: IngestPlan, first_line: int = 1) -> Iterator[OpenStream]:
        """A stream, open while the context lasts.

        Raises RefusedError: `invalid_name`, `invalid_request`, `forbidden`, `unsupported_media_type`,
        `busy`, `shutting_down`.
        """
        check_plan(plan)
        check_encoding(plan.content_encoding)
        self._ingest.check_writable(caller, plan.name)
        if self._stopping:
            raise RefusedError(_STOPPING)
        of_text = msgspec.structs.replace(plan, content_encoding=None)
        commit = partial(self._commit, caller, of_text)
        clock = self._node.clock
        with self._quotas.use(caller, INGESTS), self.gate.slot():
            session = StreamSession(commit, clock, self._limits, self._memory, first_line)
            self._open.add(session)
            try:
                yield OpenStream(session, plan.content_encoding, clock)
            finally:
                self._open.discard(session)

    async def _commit(self, caller: Caller, plan: IngestPlan, group: Group) -> StreamAck:
        if compression_of(group.body[:4]):
            reason = "bytes that are not JSON"
            detail = f"line {group.first}: {reason}"
            raise refusal("malformed_ndjson", detail, line=group.first, reason=reason)
        body = group.body
        digest = await in_thread(self._pool, lambda: hashlib.sha256(body).hexdigest())
        now = msgspec.structs.replace(caller, accepted_s=self._node.clock.monotonic())
        part = msgspec.structs.replace(plan, lines=(group.first, group.stop))
        receipt = await self._ingest.ingest(now, part, Upload(Spooled(body, digest, len(body))))
        found = receipt.body
        self.groups += 1
        self.rows += found.rows_ingested or 0
        return StreamAck(
            receipt.seq,
            found.rows_ingested or 0,
            found.rows_quarantined,
            (group.first, group.stop),
            found.updated_at,
        )
