"""How much memory a worker process keeps beyond what it started with.

Owns the measurement. DuckDB keeps the footer of every Parquet file that it has read (13 KB with 8
columns, measured on 2.0.1) and frees none, so a process that reads ever new objects has to end.
"""

import ctypes
import os

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Growth:
    """The resident memory of this process against its first measurement."""

    def __init__(self, most_bytes: int) -> None:
        # Kept open: once the process is confined, it opens no file of /proc.
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        self._libc = ctypes.CDLL(None)
        self._most_bytes = most_bytes
        self._start_bytes: int | None = None

    def begin(self) -> None:
        """Measure the process when it is ready for its first query."""
        self._start_bytes = self._resident_bytes()

    def is_too_large(self) -> bool:
        """Whether it keeps more than allowed, after giving back to the system what is only free."""
        if not self._exceeds():
            return False
        self._libc.malloc_trim(0)
        return self._exceeds()

    def _exceeds(self) -> bool:
        if self._start_bytes is None:
            raise RuntimeError("the memory of the start was not measured")
        return self._resident_bytes() - self._start_bytes > self._most_bytes

    def _resident_bytes(self) -> int:
        return int(os.pread(self._statm, 256, 0).split()[1]) * _PAGE_BYTES
