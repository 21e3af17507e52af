"""A file that is read while it is written: one thread writes it, another reads what is there.

It does not know where the bytes come from or what they mean.
"""

import io
import os
import threading
from pathlib import Path


class ReadAbandonedError(Exception):
    """The file will never be whole, or its reading was cancelled."""


class GrowingFile:
    """A file on disk that grows. Any number of threads may wait for more bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size_bytes = 0
        self._ended = False
        self._given_up = False
        self._changed = threading.Condition()

    def grow(self, size_bytes: int) -> None:
        """Report that this many more bytes are on disk."""
        with self._changed:
            self._size_bytes += size_bytes
            self._changed.notify_all()

    def end(self) -> None:
        """Report that the file is complete."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def give_up(self) -> None:
        """Every read, now or later, raises ReadAbandonedError."""
        with self._changed:
            self._given_up = True
            self._changed.notify_all()

    def wait_for(self, size_bytes: int) -> None:
        """Block until so many bytes are on disk, or the file is whole. Raises ReadAbandonedError."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._given_up or self._ended or self._size_bytes >= size_bytes
            )
            if self._given_up:
                raise ReadAbandonedError

    def whole(self) -> Path:
        """Its path, once it is whole. Blocks; raises ReadAbandonedError."""
        with self._changed:
            self._changed.wait_for(lambda: self._given_up or self._ended)
            if self._given_up:
                raise ReadAbandonedError
        return self.path

    def open(self) -> "GrowingFileReader":
        """The file from its start."""
        return GrowingFileReader(self)


class GrowingFileReader(io.RawIOBase):
    """Reads a growing file; a read is short only at the end of the file."""

    def __init__(self, file: GrowingFile) -> None:
        self._file = file
        self._descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        self._position = 0

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes, or what is left. Blocks; raises ReadAbandonedError."""
        if size < 0:
            raise ValueError("a growing file is read in pieces")
        self._file.wait_for(self._position + size)
        data = os.pread(self._descriptor, size, self._position)
        self._position += len(data)
        return data

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position, counted from the start of the file."""
        if whence != os.SEEK_SET:
            raise ValueError("the end of a growing file is not known")
        self._position = offset
        return offset

    def close(self) -> None:
        """Close the descriptor; a second call does nothing."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()
