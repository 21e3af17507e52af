"""Reads of the audit in the bucket: pages of entries, the proof of its chains, and what has expired.

Owns no state: every call lists the bucket. Must never hold more than one batch and one page.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import msgspec

from journal.bucket.keys import AUDIT
from journal.bucket.port import Bucket, Stat
from lakehouse.api.audit.entries import (
    AuditEntry,
    AuditHead,
    AuditPage,
    AuditVerification,
    StoredAuditEntry,
)
from lakehouse.audit.batch import Batch, BatchFault, BatchName, Link, decode, parse_key, sha256
from lakehouse.domain.counts import counted
from lakehouse.domain.errors import Json, Refused, RefusedError

PAGE = 1_000
MAX_FAULTS = 1_000
"""How many faults a verification lists."""


async def batches(bucket: Bucket, after: str = "") -> AsyncIterator[BatchName | str]:
    """The batches whose keys sort after `after`; other keys below the prefix as they are."""
    while True:
        page = await bucket.list_objects(AUDIT, after=after, limit=PAGE)
        for stat in page:
            yield parse_key(stat.key) or stat.key
        if len(page) < PAGE:
            return
        after = page[-1].key


async def entries(bucket: Bucket, after: str, limit: int) -> AuditPage:
    """A page of entries. Raises RefusedError: `invalid_request` for an `after` that no page gave,
    `audit_corrupt`."""
    first, skipped = _position(after)
    found: list[StoredAuditEntry] = []
    if first is not None:
        # A batch that has expired since it was listed has no entries.
        found = [each async for each in entries_of(bucket, first, skipped)]
    async for name in batches(bucket, first.key if first else ""):
        if len(found) > limit:
            break
        if isinstance(name, BatchName):
            found += [each async for each in entries_of(bucket, name)]
    more = len(found) > limit
    return AuditPage(found[:limit], found[limit - 1].id if more else None)


async def entries_of(
    bucket: Bucket, name: BatchName, skipped: int = 0
) -> AsyncIterator[StoredAuditEntry]:
    """The entries of one batch after the first `skipped`; none if it has expired meanwhile.

    Raises RefusedError `audit_corrupt`.
    """
    if not await bucket.list_objects(name.key, limit=1):
        return
    batch = _decoded(name.key, await bucket.read(name.key))
    for number, entry in enumerate(batch.entries, 1):
        if number > skipped:
            yield _stored(name, number, entry)


def _stored(name: BatchName, number: int, entry: AuditEntry) -> StoredAuditEntry:
    id_ = f"{name.day}/{name.node}-{name.number:08d}:{number}"
    return StoredAuditEntry(id=id_, **msgspec.structs.asdict(entry))


def _position(after: str) -> tuple[BatchName | None, int]:
    if not after:
        return None, 0
    stem, _, number = after.rpartition(":")
    name = parse_key(f"{AUDIT}{stem}.ndjson.zst")
    if name is None or not number.isascii() or not number.isdigit() or len(number) > 9:
        detail = "after is not the `next` of a page of the audit"
        raise RefusedError(Refused("invalid_request", detail))
    return name, int(number)


def _decoded(key: str, body: bytes) -> Batch:
    try:
        return decode(body)
    except BatchFault as error:
        raise RefusedError(Refused("audit_corrupt", f"{key}: {error}")) from error


async def verify(
    bucket: Bucket, expired_before: datetime, expected: tuple[AuditHead, ...] = ()
) -> AuditVerification:
    """Read every batch and check its chain. What was stored before `expired_before` may be absent.

    `expected` are heads that were recorded elsewhere. Raises RefusedError `audit_corrupt`, which
    lists each edited, missing or moved batch.
    """
    checked = _Verification(f"{expired_before:%Y-%m-%d}", expected)
    async for name in batches(bucket):
        if isinstance(name, str):
            checked.fault(name, "foreign", "it is no batch")
        else:
            checked.add(name, await bucket.read(name.key))
    return checked.result()


class _Verification:
    """The chains so far: the last batch of each node, and the faults."""

    def __init__(self, first_day: str, expected: tuple[AuditHead, ...]) -> None:
        self._first_day = first_day
        self._expected = {(head.node, head.batch): head.sha256 for head in expected}
        self._last: dict[str, tuple[BatchName, Link]] = {}
        self._faults: list[dict[str, Json]] = []
        self._counts = [0, 0, 0]

    def fault(self, key: str, fault: str, detail: str) -> None:
        if len(self._faults) < MAX_FAULTS:
            self._faults.append({"key": key, "fault": fault, "detail": detail})

    def add(self, name: BatchName, body: bytes) -> None:
        """Check a batch against its key, its predecessor and what was recorded of it."""
        link = Link(name.key, sha256(body))
        recorded = self._expected.pop((name.node, name.number), None)
        if recorded not in (None, link.sha256):
            self.fault(name.key, "edited", "its hash differs from the one that was recorded")
        try:
            batch = decode(body)
        except BatchFault as error:
            self.fault(name.key, "edited", str(error))
        else:
            self._check(name, batch)
        self._last[name.node] = name, link

    def _check(self, name: BatchName, batch: Batch) -> None:
        header = batch.header
        self._counts = [
            had + more
            for had, more in zip(self._counts, (1, len(batch.entries), header.lost), strict=True)
        ]
        if (header.at[:10], header.node, header.number) != (name.day, name.node, name.number):
            was = BatchName(header.at[:10], header.node, header.number)
            self.fault(name.key, "moved", f"it was written as {was.key}")
            return
        before = self._last.get(name.node)
        if before is None:
            self._check_first(name, header.prev)
        elif header.prev is None:
            self.fault(name.key, "edited", "it names no batch before it")
        elif header.prev.key != before[1].key:
            self.fault(header.prev.key, "missing", f"{name.key} names it as the batch before")
        elif header.prev.sha256 != before[1].sha256:
            self.fault(before[1].key, "edited", f"{name.key} holds another hash of it")

    def _check_first(self, name: BatchName, prev: Link | None) -> None:
        """The first batch of a node that is still there: the ones before it must have expired."""
        if prev is None:
            if name.number != 1:
                self.fault(name.key, "edited", "it names no batch before it")
            return
        was = parse_key(prev.key)
        if was is None or was.day >= self._first_day:
            self.fault(prev.key, "missing", f"{name.key} names it as the batch before")

    def result(self) -> AuditVerification:
        for node, number in self._expected:
            detail = "it was recorded, and is not there"
            self.fault(f"{node}-{number:08d}", "missing", detail)
        if self._faults:
            first = self._faults[0]
            detail = f"{counted(len(self._faults), 'fault')}; {first['key']} is {first['fault']}"
            raise RefusedError(Refused("audit_corrupt", detail, tuple(self._faults)))
        heads = [
            AuditHead(name.node, name.number, link.sha256)
            for name, link in sorted(self._last.values(), key=lambda each: each[0])
        ]
        count, entry_count, lost = self._counts
        return AuditVerification(count, entry_count, lost, heads)


async def expired(bucket: Bucket, before: datetime) -> AsyncIterator[Stat]:
    """The batches of days that ended before that moment, oldest first."""
    first_day = f"{before:%Y-%m-%d}"
    after = ""
    while True:
        page = await bucket.list_objects(AUDIT, after=after, limit=PAGE)
        for stat in page:
            name = parse_key(stat.key)
            if name is not None and name.day >= first_day:
                return
            if name is not None:
                yield stat
        if len(page) < PAGE:
            return
        after = page[-1].key


def retention(text: str) -> timedelta:
    """The span of the setting `audit_retention`: `90d` or `13w`."""
    return timedelta(days=int(text[:-1]) * (7 if text.endswith("w") else 1))
