"""Copies of single objects on this disk, for as long as they are read or written.

Owns their directories, below the spool's. Must never leave one behind: each ends with its context.
"""

import shutil
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from journal.threads import in_thread
from lakehouse.objects.stores.open_stores import OpenStores
from lakehouse.process.process_directory import remove_abandoned
from lakehouse.process.spool import full_disk_refused
from lakehouse.service.objects import VerifiedObjects
from projections.inventory import Stored


class LocalCopies:
    """Makes directories and copies of verified objects in them."""

    def __init__(
        self, objects: VerifiedObjects, pool: Executor, spool_dir: Path, opened: OpenStores
    ) -> None:
        self.pool = pool
        self._objects = objects
        self._spool_dir = spool_dir
        self._opened = opened

    @asynccontextmanager
    async def directory(self) -> AsyncIterator[Path]:
        """An empty directory. Raises RefusedError `insufficient_storage`."""
        with full_disk_refused():
            made = partial(tempfile.mkdtemp, prefix="ingest-", dir=self._spool_dir)
            path = Path(await in_thread(self.pool, made))
        try:
            yield path
        finally:
            await in_thread(self.pool, partial(shutil.rmtree, path, ignore_errors=True))

    @asynccontextmanager
    async def of(self, stored: Stored) -> AsyncIterator[Path]:
        """A file with an object's bytes. Raises what `pieces` raises, and `insufficient_storage`."""
        async with self.directory() as directory:
            path = directory / "object.parquet"
            with full_disk_refused(), path.open("wb") as file:
                async for piece in await self._objects.pieces(stored):
                    await in_thread(self.pool, partial(file.write, piece))
            yield path

    async def remove_abandoned(self) -> None:
        """Remove what killed processes left: spooled bodies, and objects on their way to a directory."""
        for directory in {self._spool_dir.parent, *self._opened.spool_dirs}:
            await in_thread(self.pool, partial(remove_abandoned, directory))
