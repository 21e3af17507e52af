"""Objects of a dataset as few new ones: copied and verified, merged by another process, uploaded.

Owns the files of one merge, in a work directory of the caller's. Must never decode an object in this
process, nor make an event.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import BinaryIO

import msgspec

from journal.bucket.keys import dataset_blob
from journal.events import Column, Object
from journal.threads import in_thread
from lakehouse.commit.node import Node
from lakehouse.domain.errors import RefusedError
from lakehouse.formats.parquet.merging import MergeRequest, merge_files
from lakehouse.formats.parquet.writer import ParquetFile, written
from lakehouse.formats.schema import fingerprint
from lakehouse.process.forking.fork_server import ForkServer
from lakehouse.process.spool import full_disk_refused
from lakehouse.service import snapshot
from lakehouse.service.changes import mint
from lakehouse.service.ingest.work_dir import WorkDir
from lakehouse.service.objects import VerifiedObjects

AT_ONCE = 8
"""How many objects are copied at once, each with up to 12 MiB in memory."""


class MergedObjects(msgspec.Struct, frozen=True):
    """The files that objects became, their columns, and the number of rows of each object.

    `problem`: why they cannot be merged; nothing else counts then.
    """

    files: tuple[ParquetFile, ...] = ()
    columns: tuple[Column, ...] = ()
    rows: tuple[int, ...] = ()
    problem: str | None = None


class ObjectMerger:
    """Merges objects that one node's present state names."""

    def __init__(
        self, node: Node, objects: VerifiedObjects, pool: Executor, forks: ForkServer
    ) -> None:
        self._node = node
        self._objects = objects
        self._pool = pool
        self._forks = forks

    async def merge(
        self,
        items: Sequence[Object],
        columns: tuple[Column, ...] | None,
        target_bytes: int,
        place: WorkDir,
        *,
        portable: bool = False,
        rows: tuple[int, int] | None = None,
    ) -> MergedObjects:
        """The objects' rows as files in `place`; see MergeRequest. Raises RefusedError as reads do."""
        with full_disk_refused():
            there = await in_thread(self._pool, place.fresh)
            paths = await self._copied(items, there)
            into = await in_thread(self._pool, place.fresh)
            names = tuple(map(str, paths))
            merged = await merge_files(
                self._forks, MergeRequest(names, columns, portable, str(into), target_bytes, rows)
            )
            if merged.problem is not None:
                return MergedObjects(problem=merged.problem)
            files = [
                await in_thread(self._pool, partial(written, into / file.name, file.row_count))
                for file in merged.files
            ]
        return MergedObjects(tuple(files), merged.columns, merged.rows)

    async def upload(
        self, name: str, merged: MergedObjects, *, dry_run: bool = False
    ) -> tuple[Object, ...]:
        """The files in the bucket, as objects of the dataset `name`, under keys that are new.

        A dry run stores none of them.
        """
        schema = fingerprint(merged.columns)
        found: list[Object] = []
        for file in merged.files:
            blob = dataset_blob(name, schema, file.sha256, mint(self._node))
            if not dry_run:
                await self._node.bucket.upload(blob, file.content)
            found.append(
                Object(blob, blob, file.size_bytes, file.sha256, file.row_count, file.block_hashes)
            )
        return tuple(found)

    async def _copied(self, items: Sequence[Object], into: Path) -> list[Path]:
        """The objects' bytes as files, each verified as it is copied."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int, item: Object) -> Path:
            async with gate:
                path = into / f"{number:05}.parquet"
                await self._copy(item, path)
                return path

        try:
            async with asyncio.TaskGroup() as copies:
                tasks = [copies.create_task(one(*each)) for each in enumerate(items)]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        return [task.result() for task in tasks]

    async def _copy(self, item: Object, path: Path) -> None:
        state = self._node.state
        version = state.inventory.blobs.get(item.blob)
        if version is None:
            raise RefusedError(snapshot.gone(state, item.blob))
        pieces = await self._objects.pieces(version)
        with await in_thread(self._pool, partial(_created, path)) as file:
            async for piece in pieces:
                await in_thread(self._pool, partial(file.write, piece))


def _created(path: Path) -> BinaryIO:
    return path.open("wb")
