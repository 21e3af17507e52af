"""The rows of a file that is not in the bucket yet, as a relation that a query worker reads.

Owns the place of these rows beside the objects of a dataset. Must never write a file.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial

from journal.threads import in_thread
from lakehouse.formats.parquet.writer import ParquetFile
from lakehouse.objects.extents import (
    BlocksReady,
    BlocksWanted,
    BytesReady,
    ReadFailed,
    object_url,
)
from lakehouse.query.processes.object_channel import ObjectSource

_KEY = "incoming/{}"
"""What a file of this hash is called on the way to the worker, which may remember its footer. No
blob has such a name."""


class FileObjects:
    """Parquet files on disk or in memory, which a query reads like objects, and `beside` them objects."""

    def __init__(
        self, files: Sequence[ParquetFile], pool: Executor, beside: ObjectSource | None = None
    ) -> None:
        self._files = {_KEY.format(file.sha256): file for file in files}
        self._pool = pool
        self._beside = beside

    @property
    def urls(self) -> tuple[str, ...]:
        """What DuckDB opens, in the order of the files."""
        return tuple(object_url(key, file.size_bytes) for key, file in self._files.items())

    async def blocks(self, wanted: BlocksWanted) -> BlocksReady | BytesReady | ReadFailed:
        """Sends the bytes: the worker cannot open the server's files."""
        file = self._files.get(wanted.blob)
        if file is not None:
            read = partial(_bytes, file, wanted.start, wanted.stop)
            return BytesReady(wanted.number, await in_thread(self._pool, read))
        if self._beside is not None:
            return await self._beside.blocks(wanted)
        return ReadFailed(wanted.number, "object_lost", "the query names no such object")

    def used(self, blobs: tuple[str, ...]) -> None:
        """The query has opened these."""
        stored = tuple(blob for blob in blobs if blob not in self._files)
        if self._beside is not None and stored:
            self._beside.used(stored)


def _bytes(file: ParquetFile, start: int, stop: int) -> bytes:
    if isinstance(file.content, bytes):
        return file.content[start:stop]
    with file.content.open("rb") as opened:
        opened.seek(start)
        return opened.read(stop - start)
