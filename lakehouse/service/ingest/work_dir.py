"""The directory of one ingest. Small files need none, so it is made when it is first needed."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from pathlib import Path

from journal.threads import in_thread


class WorkDir:
    """A directory below the spool's, for one thread at a time."""

    def __init__(self, spool_dir: Path) -> None:
        self._spool_dir = spool_dir
        self._path: Path | None = None

    def fresh(self) -> Path:
        """A new and empty directory in it. Blocks."""
        if self._path is None:
            self._path = Path(tempfile.mkdtemp(prefix="ingest-", dir=self._spool_dir))
        return Path(tempfile.mkdtemp(dir=self._path))

    def remove(self) -> None:
        """Remove what was created. Blocks."""
        if self._path is not None:
            shutil.rmtree(self._path)

    @property
    def made(self) -> bool:
        """Whether there is anything to remove."""
        return self._path is not None


@asynccontextmanager
async def work_dir(spool_dir: Path, pool: Executor) -> AsyncIterator[WorkDir]:
    """A work directory that is removed when the context ends, however it ends."""
    place = WorkDir(spool_dir)
    try:
        yield place
    finally:
        if place.made:
            await in_thread(pool, place.remove)
