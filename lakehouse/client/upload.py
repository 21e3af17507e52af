"""What may be ingested, as a body that can be sent more than once.

A path is sent as it is. Everything else becomes a Parquet file in the temporary directory first: a
repeated upload must have the same bytes, and an iterator can be read only once.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from lakehouse.client.http import Readable

Progress = Callable[[int, int], None]
"""Called with the bytes that were sent so far, and all of them."""

CSV, NDJSON = "text/csv", "application/x-ndjson"
PARQUET = "application/vnd.apache.parquet"
MEDIA_TYPES = {
    ".csv": CSV,
    ".ndjson": NDJSON,
    ".jsonl": NDJSON,
    ".parquet": PARQUET,
    ".pq": PARQUET,
}
_COMPRESSIONS = frozenset({".gz", ".zst"})


class FileUpload:
    """A file on disk, sent as it is."""

    def __init__(self, path: Path, content_type: str, progress: Progress | None) -> None:
        self.size_bytes = path.stat().st_size
        self.content_type = content_type
        self._path = path
        self._progress = progress

    def opened(self) -> Readable:
        """The file from its first byte."""
        file = self._path.open("rb")
        return _Watched(file, self.size_bytes, self._progress) if self._progress else file


class _Watched:
    """A file that reports how much of it was read."""

    def __init__(self, file: BinaryIO, size_bytes: int, progress: Progress) -> None:
        self._file = file
        self._size_bytes = size_bytes
        self._sent_bytes = 0
        self._progress = progress

    def read(self, size: int = -1, /) -> bytes:
        piece = self._file.read(size)
        self._sent_bytes += len(piece)
        self._progress(self._sent_bytes, self._size_bytes)
        return piece

    def close(self) -> None:
        self._file.close()


@contextmanager
def upload_of(data: Any, progress: Progress | None = None) -> Iterator[FileUpload]:
    """`data` as a body; what was written for it is removed at the end.

    `data` is a path, bytes, a binary file, anything with Arrow's stream interface (a Table, a
    RecordBatchReader, a DataFrame of pandas or polars), or an iterable of dicts or RecordBatches.
    Raises TypeError for anything else, and ValueError for values that no Parquet file can hold.
    """
    if isinstance(data, str | os.PathLike):
        path = Path(data)
        yield FileUpload(path, _media_type(path), progress)
        return
    with tempfile.TemporaryDirectory(prefix="lakehouse-upload-") as directory:
        path = Path(directory) / "upload"
        content_type = _write(data, path)
        yield FileUpload(path, content_type, progress)


def _media_type(path: Path) -> str:
    suffixes = [each.lower() for each in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSIONS:
        suffixes.pop()
    return MEDIA_TYPES.get(suffixes[-1], CSV) if suffixes else CSV


def _write(data: Any, path: Path) -> str:
    """Write `data` to a file; its media type."""
    if isinstance(data, bytes | bytearray | memoryview):
        path.write_bytes(data)
        return _sniffed(path)
    if hasattr(data, "read"):
        with path.open("wb") as file:
            shutil.copyfileobj(data, file)
        return _sniffed(path)
    from lakehouse.client import arrow_upload  # Arrow takes a while to load

    arrow_upload.write(data, path)
    return PARQUET


def _sniffed(path: Path) -> str:
    """Parquet is recognised by its first bytes; other bytes are CSV, unless `format` says otherwise."""
    with path.open("rb") as file:
        return PARQUET if file.read(4) == b"PAR1" else CSV
