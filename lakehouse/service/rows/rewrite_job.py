"""The data of one change of rows: found in a dataset's objects, these written anew, then uploaded.

Does the steps that a decision asks for, and keeps what it did for an object, whose bytes never
change: when the change is decided again, only other objects are read. Must never decide which step
comes next.
"""

from concurrent.futures import Executor
from functools import partial
from typing import assert_never

import msgspec
import pyarrow as pa

from journal.bucket.keys import dataset_blob
from journal.events import Object, Replacement
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Command, RewriteDataset, Rewritten
from lakehouse.domain.decision import DataStep
from lakehouse.domain.errors import RefusedError
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.parquet import rewriter
from lakehouse.formats.parquet.writer import ParquetFile
from lakehouse.process.spool import full_disk_refused
from lakehouse.query.messages import RowSearch
from lakehouse.service.changes import mint
from lakehouse.service.ingest.work_dir import WorkDir
from lakehouse.service.rows.finder import RowFinder
from projections import catalog
from projections.catalog import Dataset
from projections.fold import State

OBJECTS_AT_ONCE = 256
"""Rows are looked for in so many objects by one query."""
_COLLECTED = "objects_collected"
_READS = 3
"""How often rows are looked for again because objects were collected meanwhile."""


class NewObjects(msgspec.Struct, frozen=True):
    """What an object became: the files of its rows, and how many rows were removed and added."""

    files: tuple[ParquetFile, ...]
    rows_added: int
    rows_removed: int


class RewriteJob:
    """Does the steps of one delete or update. A dry run uploads nothing."""

    def __init__(
        self,
        node: Node,
        finder: RowFinder,
        pool: Executor,
        limits: IngestLimits,
        search: RowSearch,
        work_dir: WorkDir,
        *,
        dry_run: bool = False,
    ) -> None:
        self._node = node
        self._finder = finder
        self._pool = pool
        self._limits = limits
        self._search = search
        self._work_dir = work_dir
        self._dry_run = dry_run
        self._under: str | None = None
        """The fingerprint of the schema under which objects were read."""
        self._examined: set[str] = set()
        self._written: dict[str, NewObjects] = {}
        self._uploaded: dict[str, tuple[Object, ...]] = {}
        self._reads_clock = False

    async def __call__(self, command: Command, step: DataStep) -> Command:
        if not isinstance(command, RewriteDataset):
            raise TypeError(f"a change of rows does not advance {type(command).__name__}")
        match step:
            case DataStep.FIND_ROWS:
                return await self._found(command)
            case DataStep.UPLOAD:
                return await self._stored(command)
            case DataStep.UPLOAD_AGAIN:
                self._uploaded.clear()
                return await self._stored(command)
            case DataStep.READ_FILE | DataStep.READ_UNDER_CONTRACT | DataStep.CHECK_VALUES:
                raise ValueError(f"a change of rows has no step {step}")
            case DataStep.FIND_SOURCES | DataStep.FIND_LAST_CHANGE:
                raise ValueError(f"a change of rows has no step {step}")
        assert_never(step)

    async def _found(self, command: RewriteDataset) -> RewriteDataset:
        """The command with the rows of the dataset as it is now, and its objects written anew."""
        for attempt in range(_READS):
            state = self._node.state
            live = catalog.find(state.catalog, command.name)
            if live is None:
                return command
            try:
                await self._read(state, live)
            except RefusedError as error:
                moved = self._node.state is not state and error.refused.code == _COLLECTED
                if not moved or attempt == _READS - 1:
                    raise
                continue
            return self._with_rows(command, state, live)
        return command

    async def _read(self, state: State, live: Dataset) -> None:
        """Look for rows in the objects that were not examined yet; write those anew that hold any."""
        if self._under != live.schema_fingerprint:
            self._under = live.schema_fingerprint
            self._examined.clear()
            self._written.clear()
            self._uploaded.clear()
        left = tuple(item for item in live.objects if item.blob not in self._examined)
        # An empty group too: the condition is judged before anything is said of the dataset.
        for start in range(0, max(1, len(left)), OBJECTS_AT_ONCE):
            group = left[start : start + OBJECTS_AT_ONCE]
            found = await self._finder.find(state, live, group, self._search)
            self._reads_clock = found.reads_clock
            for item in group:
                if (rows := found.rows.get(item.blob)) is not None:
                    self._written[item.blob] = await self._rewritten(state, live, item, rows)
                self._examined.add(item.blob)

    async def _rewritten(
        self, state: State, live: Dataset, item: Object, rows: pa.Int64Array
    ) -> NewObjects:
        """The object without these rows, or with their new values."""
        updates, count = bool(self._search.set), len(rows)
        write = partial(_write, live, rows[:0] if updates else rows, self._work_dir, self._limits)
        changed = self._search if updates else None
        with full_disk_refused():
            files = await self._finder.scan(state, live, item, write, changed)
        return NewObjects(files, count if updates else 0, count)

    def _with_rows(self, command: RewriteDataset, state: State, live: Dataset) -> RewriteDataset:
        now = self._search.now if self._reads_clock else None
        statement = command.statement
        if statement is not None:
            statement = msgspec.structs.replace(statement, now=now)
        rewritten = Rewritten(
            state.head.seq,
            live.schema_fingerprint,
            frozenset(self._examined),
            tuple(self._replacement(item) for item in live.objects if item.blob in self._written),
            uploaded=False,
        )
        return msgspec.structs.replace(command, statement=statement, rewritten=rewritten)

    def _replacement(self, item: Object) -> Replacement:
        written = self._written[item.blob]
        by = self._uploaded.get(item.blob, ())
        return Replacement((item.blob,), by, written.rows_added, written.rows_removed)

    async def _stored(self, command: RewriteDataset) -> RewriteDataset:
        """The command with its new objects in the bucket, under keys that never existed before."""
        rewritten = command.rewritten
        if rewritten is None:
            raise ValueError("objects are uploaded after they are written")
        replaced: list[Replacement] = []
        for each in rewritten.replaced:
            (blob,) = each.blobs
            if blob not in self._uploaded:
                self._uploaded[blob] = await self._objects(command.name, self._written[blob])
            replaced.append(msgspec.structs.replace(each, by=self._uploaded[blob]))
        rewritten = msgspec.structs.replace(rewritten, replaced=tuple(replaced), uploaded=True)
        return msgspec.structs.replace(command, rewritten=rewritten)

    async def _objects(self, name: str, written: NewObjects) -> tuple[Object, ...]:
        stored: list[Object] = []
        for file in written.files:
            blob = dataset_blob(name, self._under or "", file.sha256, mint(self._node))
            if not self._dry_run:
                await self._node.bucket.upload(blob, file.content)
            stored.append(
                Object(blob, blob, file.size_bytes, file.sha256, file.row_count, file.block_hashes)
            )
        return tuple(stored)


def _write(
    live: Dataset,
    removed: pa.Int64Array,
    work_dir: WorkDir,
    limits: IngestLimits,
    reader: pa.RecordBatchReader,
) -> tuple[ParquetFile, ...]:
    schema = rewriter.stored_schema(live.schema, reader.schema)
    return rewriter.rewrite(reader, removed, schema, work_dir.fresh(), limits)
