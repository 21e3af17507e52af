"""Large objects with a change of some rows: verified, then rewritten by a process of the change's own.

What a query worker reads of an object passes through this process, which for a large one would take the
time of other requests. Must never decode an object here.
"""

from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import msgspec

from journal.events import Object
from journal.threads import in_thread
from lakehouse.domain.errors import RefusedError
from lakehouse.formats.parquet.rewriting.request import (
    TARGET_BYTES,
    FileRewriter,
    RewriteRequest,
    file_rewriter,
)
from lakehouse.formats.parquet.row_positions import RowPositions
from lakehouse.formats.parquet.writer import ParquetFile
from lakehouse.objects.extents import Extent
from lakehouse.objects.file_identity import file_identity
from lakehouse.process.forking.fork_server import ForkServer
from lakehouse.process.memory import return_free_memory
from lakehouse.service import snapshot
from lakehouse.service.ingest.work_dir import WorkDir
from lakehouse.service.objects import VerifiedObjects
from projections.catalog import Dataset
from projections.fold import State

MIB = 1024 * 1024
LARGE_BYTES = 16 * MIB
"""A smaller object is written before a process has started."""


class RewritePlace(msgspec.Struct, frozen=True):
    """Where one change rewrites objects: its directory, and what rewrites large ones."""

    directory: WorkDir
    rewriter: FileRewriter


@asynccontextmanager
async def rewrite_place(forks: ForkServer, directory: WorkDir) -> AsyncIterator[RewritePlace]:
    """The place of one change, whose process ends with the context."""
    async with file_rewriter(forks) as rewriter:
        yield RewritePlace(directory, rewriter)


class LargeObjects:
    """Rewrites objects of one node's lake."""

    def __init__(self, objects: VerifiedObjects, pool: Executor) -> None:
        self._objects = objects
        self._pool = pool

    async def rewritten(
        self,
        state: State,
        dataset: Dataset,
        item: Object,
        rows: RowPositions,
        place: RewritePlace,
        values: Path | None = None,
    ) -> tuple[ParquetFile, ...] | None:
        """The object in today's types, without these rows, or with the `values` of an Arrow stream.

        None where the process fails.
        Raises RefusedError as reads do.
        """
        await place.rewriter.start()
        there = await in_thread(self._pool, place.directory.fresh)
        file = await self._file(state, item, there / "object.parquet")
        await in_thread(self._pool, partial((there / "rows").write_bytes, rows.bits))
        into = await in_thread(self._pool, place.directory.fresh)
        request = RewriteRequest(
            *(file.path, file.identity, str(there / "rows"), dataset.schema, str(into)),
            values=str(values) if values is not None else None,
            target_bytes=TARGET_BYTES,
        )
        # What searching and verifying have freed would otherwise count beside what the process uses.
        await in_thread(self._pool, return_free_memory)
        found = await place.rewriter.rewrite(request)
        await in_thread(self._pool, partial((there / "object.parquet").unlink, missing_ok=True))
        if found.problem is not None:
            return None
        files = found.parquet_files(into)
        left = sum(each.row_count for each in files)
        removed = 0 if values is not None else len(rows)
        return files if item.row_count in (None, left + removed) else None

    async def _file(self, state: State, item: Object, path: Path) -> Extent:
        """A file with the object's verified bytes: the local bucket's own, or a copy at `path`."""
        version = state.inventory.blobs.get(item.blob)
        if version is None:
            raise RefusedError(snapshot.gone(state, item.blob))
        found = await self._objects.file(version)
        if found is not None:
            return found
        pieces = await self._objects.pieces(version)
        with await in_thread(self._pool, partial(_created, path)) as file:
            async for piece in pieces:
                await in_thread(self._pool, partial(file.write, piece))
            await in_thread(self._pool, file.flush)
            return Extent(0, version.size_bytes, str(path), 0, file_identity(file.fileno()))


def _created(path: Path) -> BinaryIO:
    return path.open("wb")
