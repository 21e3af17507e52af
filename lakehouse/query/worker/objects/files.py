"""The file system through which DuckDB reads objects. It has no directories and nothing can be written.

DuckDB reads one handle from several threads, with a seek and a read each, so that each thread has
its own position. Whatever fails here is remembered in `ObjectBlocks.failure`.
"""

import threading
from datetime import UTC, datetime
from typing import Any

from fsspec import AbstractFileSystem

from lakehouse.objects.extents import SCHEME, parse_object_url
from lakehouse.query.worker.objects.blocks import ObjectBlocks

_NEVER_MODIFIED = datetime(2000, 1, 1, tzinfo=UTC)
"""A blob never changes, so DuckDB may keep its footer."""


class ObjectFiles(AbstractFileSystem):  # type: ignore[misc]
    """Objects by `object_url`. DuckDB calls only these methods of fsspec."""

    protocol = SCHEME
    cachable = False

    def __init__(self, blocks: ObjectBlocks) -> None:
        super().__init__()
        self._blocks = blocks

    def open(self, path: str, mode: str = "rb", **_: Any) -> "ObjectFile":
        """A handle for reading. Raises ValueError for another mode or URL."""
        if mode != "rb":
            raise ValueError("objects are only read")
        blob, size_bytes = parse_object_url(path)
        self._blocks.use(blob)
        return ObjectFile(self._blocks, blob, size_bytes)

    def glob(self, path: str, **_: Any) -> list[str]:
        """The object itself: a URL has no patterns."""
        return [path]

    def exists(self, path: str, **_: Any) -> bool:
        """Whether it may be opened; only reading shows whether it exists."""
        return True

    def isfile(self, path: str) -> bool:
        """It is no directory."""
        return True

    def size(self, path: str) -> int:
        """The size that the journal says."""
        return parse_object_url(path)[1]

    def modified(self, path: str) -> datetime:
        """A constant."""
        return _NEVER_MODIFIED


class ObjectFile:
    """A handle: one position for each thread."""

    def __init__(self, blocks: ObjectBlocks, blob: str, size_bytes: int) -> None:
        self._blocks = blocks
        self._blob = blob
        self._size_bytes = size_bytes
        self._own = threading.local()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move this thread's position."""
        base = {0: 0, 1: self.tell(), 2: self._size_bytes}[whence]
        self._own.position = base + offset
        return base + offset

    def tell(self) -> int:
        """This thread's position."""
        position: int = getattr(self._own, "position", 0)
        return position

    def read(self, size_bytes: int = -1) -> bytes:
        """Bytes from this thread's position. Raises ObjectReadError."""
        start = self.tell()
        stop = self._size_bytes if size_bytes < 0 else min(start + size_bytes, self._size_bytes)
        body = self._blocks.read(self._blob, start, stop) if start < stop else b""
        self._own.position = start + len(body)
        return body

    def flush(self) -> None:
        """Nothing is ever written."""

    def close(self) -> None:
        """Nothing is kept open."""
