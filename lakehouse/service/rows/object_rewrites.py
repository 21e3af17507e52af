"""The objects of a dataset without some of their rows, or with other values: found, rewritten, uploaded.

Keeps what it did for an object, whose bytes never change: when the change is decided again, only other
objects are read. Must never decide which step comes next.
"""

from functools import partial

import msgspec
import pyarrow as pa

from journal.bucket.keys import dataset_blob
from journal.events import Column, Object, Replacement
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Rewritten
from lakehouse.domain.errors import RefusedError
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.parquet import rewriter
from lakehouse.formats.parquet.row_positions import RowPositions
from lakehouse.formats.parquet.writer import ParquetFile
from lakehouse.process.spool import full_disk_refused
from lakehouse.query.wire.messages import RowSearch
from lakehouse.service.changes import mint
from lakehouse.service.ingest.work_dir import WorkDir
from lakehouse.service.rows.finder import KeyRows, RowFinder, is_flat
from lakehouse.service.rows.large_objects import LARGE_BYTES, RewritePlace
from projections import catalog
from projections.catalog import Dataset
from projections.fold import State
from projections.view_sql.datasets import ROW_COLUMN

OBJECTS_AT_ONCE = 256
"""Number of objects that one query searches for rows."""
_COLLECTED = "objects_collected"
_READS = 3
"""How often a search for rows is repeated because gc collected objects during it."""


class NewObjects(msgspec.Struct, frozen=True):
    """What an object became: the files of its rows, and how many rows were removed and added."""

    files: tuple[ParquetFile, ...]
    rows_added: int
    rows_removed: int


class RowChange(msgspec.Struct, frozen=True):
    """Which rows of a dataset are changed, and under which schema.

    `keys`: the file with the keys, where `search` has any. `columns` and `fingerprint` are those that
    the dataset gets; None: it keeps its own.
    """

    search: RowSearch
    keys: KeyRows | None = None
    columns: tuple[Column, ...] | None = None
    fingerprint: str | None = None

    def of(self, dataset: Dataset) -> Dataset:
        """The dataset under the schema that it gets."""
        if self.fingerprint is None:
            return dataset
        return msgspec.structs.replace(
            dataset, schema=self.columns, schema_fingerprint=self.fingerprint
        )


class ObjectRewrites:
    """The objects of one dataset that one change rewrites. A dry run writes and uploads nothing."""

    def __init__(
        self,
        node: Node,
        finder: RowFinder,
        limits: IngestLimits,
        place: RewritePlace,
        *,
        dry_run: bool = False,
    ) -> None:
        self._node = node
        self._finder = finder
        self._limits = limits
        self._place = place
        self._dry_run = dry_run
        self._under: str | None = None
        """The fingerprint of the schema under which objects were read."""
        self._examined: set[str] = set()
        self._written: dict[str, NewObjects] = {}
        self._uploaded: dict[str, tuple[Object, ...]] = {}
        self.reads_clock = False
        """Whether the rows depend on now()."""

    def forget_uploads(self) -> None:
        """Upload again under fresh keys."""
        self._uploaded.clear()

    async def find(self, name: str, change: RowChange) -> Rewritten | None:
        """The rows of the dataset as it is now, and its objects rewritten; None: it is absent.

        Raises RefusedError: what the search raises, and that objects are lost or damaged.
        """
        for attempt in range(_READS):
            state = self._node.state
            live = catalog.find(state.catalog, name)
            if live is None:
                return None
            try:
                await self._read(state, change.of(live), change)
            except RefusedError as error:
                moved = self._node.state is not state and error.refused.code == _COLLECTED
                if not moved or attempt == _READS - 1:
                    raise
                continue
            return self._rewritten(state, live)
        return None

    async def upload(self, name: str, rewritten: Rewritten) -> Rewritten:
        """The same with the new objects in the bucket, under keys that never existed before."""
        replaced: list[Replacement] = []
        for each in rewritten.replaced:
            (blob,) = each.blobs
            if blob not in self._uploaded:
                self._uploaded[blob] = await self._objects(name, self._written[blob])
            replaced.append(msgspec.structs.replace(each, by=self._uploaded[blob]))
        return msgspec.structs.replace(rewritten, replaced=tuple(replaced), uploaded=True)

    async def _read(self, state: State, dataset: Dataset, change: RowChange) -> None:
        """Search the objects that were not examined yet; rewrite those that hold such rows."""
        if self._under != dataset.schema_fingerprint:
            self._under = dataset.schema_fingerprint
            self._examined.clear()
            self._written.clear()
            self._uploaded.clear()
        left = tuple(item for item in dataset.objects if item.blob not in self._examined)
        # An empty group too: the condition is checked before any other refusal.
        for start in range(0, max(1, len(left)), OBJECTS_AT_ONCE):
            group = left[start : start + OBJECTS_AT_ONCE]
            found = await self._finder.find(state, dataset, group, change.search, change.keys)
            self.reads_clock = found.reads_clock
            # Large ones first: the process that rewrites them then rewrites the small ones too.
            for item in sorted(group, key=lambda item: -item.size_bytes):
                if (rows := found.rows.get(item.blob)) is not None:
                    written = await self._new_objects(state, dataset, item, rows, change.search)
                    self._written[item.blob] = written
                self._examined.add(item.blob)

    async def _new_objects(
        self,
        state: State,
        dataset: Dataset,
        item: Object,
        rows: RowPositions,
        search: RowSearch,
    ) -> NewObjects:
        """The object without these rows, or with their new values."""
        updates, count = bool(search.set), len(rows)
        if count == item.row_count and not updates:
            return NewObjects((), 0, count)
        files: tuple[ParquetFile, ...] | None = ()
        with full_disk_refused():
            if not self._dry_run:
                files = await self._large(state, dataset, item, rows, search)
            if files is None:
                removed = (RowPositions() if updates else rows).array()
                changed = search if updates else None
                number = ROW_COLUMN if updates else None
                write = partial(
                    _write, dataset, removed, self._place.directory, self._limits, number
                )
                files = await self._finder.scan(state, dataset, item, write, changed)
        return NewObjects(files, count if updates else 0, count)

    async def _large(
        self, state: State, dataset: Dataset, item: Object, rows: RowPositions, search: RowSearch
    ) -> tuple[ParquetFile, ...] | None:
        """The files of an object with the change by the process for large ones; None where that fails.

        A small one is for a worker instead, which starts no process and takes less time, unless the
        process runs already. Rows are removed by the process from a small one with nested columns too,
        since a worker knows the types of all objects together.
        """
        is_small = item.size_bytes < LARGE_BYTES and not self._place.rewriter.is_running
        if is_small and (search.set or is_flat(dataset)):
            return None
        rewrite = self._finder.rewrite_large
        return await rewrite(state, dataset, item, rows, search, self._place)

    def _rewritten(self, state: State, live: Dataset) -> Rewritten:
        concerned = [item for item in live.objects if item.blob in self._written]
        return Rewritten(
            state.head.seq,
            self._under or "",
            frozenset(self._examined),
            tuple(map(self._replacement, concerned)),
            uploaded=all(item.blob in self._uploaded for item in concerned),
        )

    def _replacement(self, item: Object) -> Replacement:
        written = self._written[item.blob]
        by = self._uploaded.get(item.blob, ())
        return Replacement((item.blob,), by, written.rows_added, written.rows_removed)

    async def _objects(self, name: str, written: NewObjects) -> tuple[Object, ...]:
        stored: list[Object] = []
        for file in written.files:
            blob = dataset_blob(name, self._under or "", file.sha256, mint(self._node))
            await self._node.bucket.upload(blob, file.content)
            stored.append(
                Object(blob, blob, file.size_bytes, file.sha256, file.row_count, file.block_hashes)
            )
        return tuple(stored)


def _write(
    dataset: Dataset,
    removed: pa.Int64Array,
    work_dir: WorkDir,
    limits: IngestLimits,
    number: str | None,
    reader: pa.RecordBatchReader,
) -> tuple[ParquetFile, ...]:
    if number is not None:
        reader = rewriter.in_order(reader, number)
    schema = rewriter.stored_schema(dataset.schema, reader.schema)
    return rewriter.rewrite(reader, removed, schema, work_dir.fresh(), limits)
