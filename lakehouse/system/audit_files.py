"""`lake.audit` as files: one for each day, made from the batches of that day that are stored.

Owns nothing but derived files; a file's name is determined by the batches in it. Must never hold more
than one batch in memory.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import Executor
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from journal.bucket.port import Bucket
from journal.threads import in_thread
from lakehouse.api.audit.entries import StoredAuditEntry
from lakehouse.audit.batch import BatchName
from lakehouse.audit.reading import batches, entries_of
from lakehouse.process.spool import full_disk_refused
from lakehouse.system import rows
from lakehouse.system.files import Loan


class AuditFiles:
    """Makes the files of one node's `lake.audit`."""

    def __init__(self, bucket: Bucket, columns: pa.Schema, pool: Executor) -> None:
        self._bucket = bucket
        self._columns = columns
        self._pool = pool

    async def paths(self, loan: Loan, *, empty: bool = False) -> list[str]:
        """The files of all days, and an empty one; `empty`: that alone, for those who see no audit.

        Raises RefusedError: `audit_corrupt`, `insufficient_storage`; and what listing the bucket
        raises.
        """
        if empty:
            return [await self._path(loan, [])]
        names = [name async for name in batches(self._bucket) if isinstance(name, BatchName)]
        days = [list(group) for _, group in groupby(names, key=lambda name: name.day)]
        return [await self._path(loan, day) for day in [[], *days]]

    async def _path(self, loan: Loan, day: list[BatchName]) -> str:
        keys = "\n".join(name.key for name in day)
        named = hashlib.sha256(keys.encode()).hexdigest()[:32]

        async def make(path: Path) -> None:
            with full_disk_refused():
                await self._write(path, day)

        return await loan.path(f"audit-{named}.parquet", make)

    async def _write(self, path: Path, day: list[BatchName]) -> None:
        writer = pq.ParquetWriter(path, self._columns, compression="zstd")
        try:
            for name in day:
                found = [each async for each in entries_of(self._bucket, name)]
                await in_thread(self._pool, lambda: writer.write_table(self._table(found)))  # noqa: B023  # awaited at once
        finally:
            await in_thread(self._pool, writer.close)

    def _table(self, found: list[StoredAuditEntry]) -> pa.Table:
        return rows.table(self._columns, (self._row(entry) for entry in found))

    def _row(self, entry: StoredAuditEntry) -> tuple[object, ...]:
        return tuple(self._values(entry))

    def _values(self, entry: StoredAuditEntry) -> Iterator[object]:
        for name in self._columns.names:
            if name == "reads":
                yield [{"name": each.name, "seq": each.seq} for each in entry.reads]
            else:
                yield getattr(entry, name)
