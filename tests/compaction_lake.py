"""Nodes of one bucket whose datasets are compacted: real objects and the real merging process."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from journal.block_hashes import hashed
from journal.bucket.keys import dataset_blob
from journal.bucket.port import Bucket
from journal.clock import Clock
from journal.events import Column, Object, Source
from lakehouse.commit.batch import Recorded
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Command, Context, IngestDataset, Table
from lakehouse.formats.parquet.merging import PROGRAM
from lakehouse.formats.schema import fingerprint
from lakehouse.objects.object_reader import ObjectReader
from lakehouse.process.forking.fork_server import ForkServer
from lakehouse.service.changes import mint
from lakehouse.service.compaction.background import BackgroundCompaction
from lakehouse.service.compaction.group_job import GroupJob
from lakehouse.service.compaction.object_merger import ObjectMerger
from lakehouse.service.objects import VerifiedObjects
from lakehouse.service.rows.turns import RowTurns
from projections import catalog
from projections.catalog import Dataset

COLUMNS = (Column("n", "int64"),)


class CompactionLake:
    """One node, and what it compacts with."""

    def __init__(self, node: Node, forks: ForkServer, spool_dir: Path, allowed: int) -> None:
        self.node = node
        self.objects = VerifiedObjects(node, ObjectReader(node.bucket))
        self.merger = ObjectMerger(node, self.objects, None, forks)  # type: ignore[arg-type]  # the loop's own
        self.job = GroupJob(node, self.merger, None, spool_dir)  # type: ignore[arg-type]
        self.turns = RowTurns()
        self.background = BackgroundCompaction(node, self.job, self.turns, allowed)
        self._commands = 0

    async def append(self, name: str, *numbers: int) -> None:
        """Append one object with these rows."""
        body = BytesIO()
        pq.write_table(pa.table({"n": [*numbers]}), body)
        done, schema = hashed(body.getvalue()), fingerprint(COLUMNS)
        blob = dataset_blob(name, schema, done.sha256, mint(self.node))
        await self.node.bucket.upload(blob, body.getvalue())
        item = Object(blob, blob, done.size_bytes, done.sha256, len(numbers), done.block_hashes)
        table = Table(COLUMNS, schema, (item,), len(numbers), (), uploaded=True)
        source = Source(done.sha256, done.size_bytes, ())
        read_under = schema if self.find(name) else None
        await self.submit(IngestDataset(name, "append", source, table, read_under))

    async def submit(self, command: Command) -> None:
        self._commands += 1
        outcome = await self.node.writer.submit(command, Context("test", str(self._commands)))
        assert isinstance(outcome, Recorded), outcome

    def find(self, name: str) -> Dataset | None:
        return catalog.find(self.node.state.catalog, name)

    def count(self, name: str) -> int:
        """How many objects the dataset has."""
        found = self.find(name)
        return len(found.objects) if found else 0

    async def rows(self, name: str) -> list[int]:
        """All rows, in order."""
        await self.node.refresh()
        found = self.find(name)
        assert found is not None
        rows: list[int] = []
        for item in found.objects:
            body = await self.objects.read(item.blob, 0, item.size_bytes)
            rows += pq.read_table(pa.BufferReader(body)).column("n").to_pylist()
        return rows

    async def compact(self) -> int:
        """Compact in the background all that is due now; how many groups that were."""
        done = 0
        while await self.background.compact_one():
            done += 1
        return done


@asynccontextmanager
async def compaction_lake(
    bucket: Bucket, spool_dir: Path, clock: Clock, seed: int = 1, allowed: int = 4
) -> AsyncIterator[CompactionLake]:
    """A node on the bucket whose writer runs; nothing else does."""
    node = await Node.open(bucket, clock, random.Random(seed))
    task = asyncio.create_task(node.writer.run())
    spool_dir.mkdir(exist_ok=True)
    forks = ForkServer((PROGRAM.module,))
    try:
        yield CompactionLake(node, forks, spool_dir, allowed)
    finally:
        await forks.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
