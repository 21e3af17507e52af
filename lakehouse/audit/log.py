"""The audit log of one process: entries gathered in memory, stored in chained batches.

Owns when a batch is stored: 5 s after its first entry, or at 1 MiB. Its memory is bounded: what does
not fit while the bucket fails is dropped and counted in the next header. Must never hold a statement, a
body or a token, and never delays a request.
"""

import asyncio
import random
from contextlib import suppress
from typing import Literal

import msgspec
import structlog

from journal.bucket.errors import BucketError, ObjectExists
from journal.bucket.port import Bucket
from journal.clock import Clock
from journal.slot import format_at
from lakehouse.api.audit.entries import AuditEntry
from lakehouse.audit.batch import BatchName, Header, Link, encode, line, sha256
from lakehouse.domain.errors import Refused

BATCH_S = 5.0
BATCH_BYTES = 1024 * 1024
MAX_PENDING_BYTES = 8 * 1024 * 1024
UNAVAILABLE_S = 60.0
"""For how long an entry may stay unstored before reads are refused, with `all`."""
RETRY_S = (0.5, 1.0, 2.0, 5.0)
"""Pauses between attempts to store a batch; the last one repeats."""
LOG_S = 60.0

AuditMode = Literal["off", "refusals", "all"]

log = structlog.get_logger()


class _Chain:
    """The place of the next batch. The node's id is random: each process begins a new chain."""

    def __init__(self, chance: random.Random) -> None:
        self.node = f"{chance.getrandbits(64):016x}"
        self.number = 1
        self.prev: Link | None = None

    def append(self, stored: Link) -> None:
        self.number, self.prev = self.number + 1, stored


class _Frozen(msgspec.Struct, frozen=True):
    """A batch that is being stored: the first `entries` lines that are pending."""

    key: str
    body: bytes
    entries: int
    lost: int


class AuditLog:
    """Records entries; `run` stores them."""

    def __init__(
        self, bucket: Bucket, clock: Clock, chance: random.Random, mode: AuditMode
    ) -> None:
        self.mode = mode
        self.lost = 0
        """Entries dropped since the process started."""
        self._bucket = bucket
        self._clock = clock
        self._chance = chance
        self._chain = _Chain(chance)
        self._lines: list[bytes] = []
        self._size_bytes = 0
        self._unreported = 0
        self._oldest_s: float | None = None
        """When the oldest entry that is not stored yet was recorded."""
        self._batch: _Frozen | None = None
        self._begun = asyncio.Event()
        self._full = asyncio.Event()
        self._storing = asyncio.Lock()
        self._logged_s = float("-inf")

    def keeps(self, kind: str) -> bool:
        """Whether entries of that kind are recorded."""
        return self.mode == "all" or (self.mode == "refusals" and kind == "refused")

    def record(self, entry: AuditEntry) -> None:
        """Take an entry, to be stored within seconds."""
        text = line(entry)
        if self._size_bytes + len(text) > MAX_PENDING_BYTES:
            self.lost += 1
            self._unreported += 1
            return
        self._lines.append(text)
        self._size_bytes += len(text)
        if self._oldest_s is None:
            self._oldest_s = self._clock.monotonic()
        self._begun.set()
        if self._size_bytes >= BATCH_BYTES:
            self._full.set()

    @property
    def waiting_s(self) -> float:
        """For how long the oldest entry has not been stored."""
        return 0.0 if self._oldest_s is None else self._clock.monotonic() - self._oldest_s

    def read_refusal(self) -> Refused | None:
        """Why no read may be answered now: with `all`, an audit that cannot be kept."""
        waited_s = self.waiting_s
        if self.mode != "all" or self._oldest_s is None:
            return None
        if waited_s < UNAVAILABLE_S and self._size_bytes < MAX_PENDING_BYTES - BATCH_BYTES:
            return None
        detail = f"this process has not been able to store its audit for {waited_s:.0f} seconds"
        return Refused("audit_unavailable", detail, retry_after_s=5)

    async def run(self) -> None:
        """Store batches as they are due, until cancelled."""
        while True:
            await self._begun.wait()
            await self._due()
            await self._store()

    async def close(self, within_s: float) -> None:
        """Store what is left, for at most `within_s` seconds."""
        try:
            async with asyncio.timeout(within_s):
                while self._lines:
                    await self._store()
        except TimeoutError:
            log.warning("audit_cut_short", entries=len(self._lines), after_s=within_s)

    async def _due(self) -> None:
        """Wait for BATCH_S, or until there is enough for a batch."""
        waits = [
            asyncio.ensure_future(self._clock.sleep(BATCH_S)),
            asyncio.ensure_future(self._full.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*waits, return_exceptions=True)

    async def _store(self) -> None:
        """Store the entries that are there now, however often it takes.

        Cancelled midway, the batch stays as it is: stored again under its key, it is the same bytes.
        """
        async with self._storing:
            attempt = 0
            while True:
                batch = self._batch = self._batch or await self._frozen()
                if await self._upload(batch):
                    break
                await self._clock.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
                attempt += 1
            self._chain.append(Link(batch.key, sha256(batch.body)))
            self._stored(batch)

    async def _frozen(self) -> _Frozen:
        at, chain, lines, lost = self._clock.now(), self._chain, list(self._lines), self._unreported
        header = Header(
            node=chain.node,
            number=chain.number,
            at=format_at(at),
            prev=chain.prev,
            entries=len(lines),
            lost=lost,
        )
        key = BatchName(f"{at:%Y-%m-%d}", chain.node, chain.number).key
        body = await asyncio.to_thread(encode, header, lines)
        return _Frozen(key, body, len(lines), lost)

    async def _upload(self, batch: _Frozen) -> bool:
        """Whether the batch is stored. If another process has used its key, a new chain begins."""
        try:
            await self._bucket.upload(batch.key, batch.body)
        except ObjectExists:
            log.warning("audit_key_taken", key=batch.key)
            self._chain, self._batch = _Chain(self._chance), None
            return False
        except BucketError as error:
            if self._clock.monotonic() - self._logged_s >= LOG_S:
                self._logged_s = self._clock.monotonic()
                log.warning("audit_not_stored", kind=type(error).__name__, detail=str(error))
            return False
        return True

    def _stored(self, batch: _Frozen) -> None:
        self._size_bytes -= sum(map(len, self._lines[: batch.entries]))
        del self._lines[: batch.entries]
        self._unreported -= batch.lost
        self._batch = None
        self._oldest_s = self._clock.monotonic() if self._lines else None
        if self._size_bytes < BATCH_BYTES:
            self._full.clear()
        if not self._lines:
            self._begun.clear()
