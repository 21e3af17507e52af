"""Rewrites an object without some of its rows, and uploads it under a new key.

Must never put the old object's name or rows into anything that it leaves behind.
"""

from functools import partial
from pathlib import Path

import msgspec
import pyarrow as pa

from journal.bucket.keys import OBJECTS, dataset_blob, object_blob
from journal.events import Erased, Object
from journal.threads import in_thread
from lakehouse.commit.node import Node
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.parquet.rewriter import rewrite, stored_schema
from lakehouse.formats.parquet.streaming import opened_for_streaming
from lakehouse.formats.parquet.writer import ParquetFile, write_parquet
from lakehouse.formats.quarantine import SCHEMA
from lakehouse.process.spool import full_disk_refused
from lakehouse.service.changes import mint
from lakehouse.service.erasure.local_copies import LocalCopies
from lakehouse.service.erasure.search import version_of
from lakehouse.service.erasure.versions import Candidate
from lakehouse.service.rows.finder import RowFinder
from projections.fold import State
from projections.inventory import Stored

_BATCH_ROWS = 16_384


class Successors:
    """Makes the successors of one dataset's objects."""

    def __init__(self, node: Node, finder: RowFinder, copies: LocalCopies, name: str) -> None:
        self._node = node
        self._finder = finder
        self._copies = copies
        self._name = name
        # One object has one successor, however large it is.
        self._limits = msgspec.structs.replace(IngestLimits(), file_bytes=2**62)

    async def of(self, state: State, candidate: Candidate, removed: pa.Int64Array) -> Erased:
        """The object without these rows, uploaded. Raises RefusedError, BucketError."""
        stored = state.inventory.blobs[candidate.blob]
        async with self._copies.directory() as directory:
            with full_disk_refused():
                write = self._quarantine if candidate.is_quarantine else self._data
                file = await write(state, candidate, stored, removed, directory)
            by = await self._uploaded(stored, file) if file is not None else None
        return Erased(stored.blob, by, len(removed))

    async def _data(
        self,
        state: State,
        candidate: Candidate,
        stored: Stored,
        removed: pa.Int64Array,
        directory: Path,
    ) -> ParquetFile | None:
        item = Object(stored.key, stored.blob, stored.size_bytes, stored.sha256, stored.row_count)
        # Without its own types the relation would be empty, and so would a key that users read.
        needed = candidate.schema is None or stored.key != stored.blob

        def work(reader: pa.RecordBatchReader) -> ParquetFile | None:
            schema = stored_schema(candidate.schema, reader.schema)
            files = rewrite(reader, removed, schema, directory, self._limits)
            if not files and needed:
                files = write_parquet((), schema, directory, self._limits)
            return files[0] if files else None

        dataset = version_of(self._name, candidate.schema, (item,))
        return await self._finder.scan(state, dataset, item, work)

    async def _quarantine(
        self,
        state: State,
        candidate: Candidate,
        stored: Stored,
        removed: pa.Int64Array,
        directory: Path,
    ) -> ParquetFile | None:
        async with self._copies.of(stored) as path:
            work = partial(_rewritten_quarantine, path, removed, directory, self._limits)
            return await in_thread(self._copies.pool, work)

    async def _uploaded(self, stored: Stored, file: ParquetFile) -> Object:
        tag = mint(self._node)
        blob = object_blob(file.sha256, tag)
        if not stored.blob.startswith(OBJECTS):
            _, name, fingerprint, _ = stored.blob.split("/")
            blob = dataset_blob(name, fingerprint, file.sha256, tag)
        key = blob if stored.key == stored.blob else stored.key
        await self._node.bucket.upload(blob, file.content)
        return Object(key, blob, file.size_bytes, file.sha256, file.row_count, file.block_hashes)


def _rewritten_quarantine(
    path: Path, removed: pa.Int64Array, directory: Path, limits: IngestLimits
) -> ParquetFile | None:
    with opened_for_streaming(path) as source:
        files = rewrite(source.iter_batches(_BATCH_ROWS), removed, SCHEMA, directory, limits)
    return files[0] if files else None
