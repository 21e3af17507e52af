"""How much memory a worker process keeps beyond what it started with, and how it is given back.

Owns the measurement and the calls to the allocators. DuckDB keeps the footer of every Parquet file that it
has read (13 KB with 8 columns, measured on 2.0.1) and frees none, so a process that reads ever new objects
has to end.
"""

import ctypes
import os

import _duckdb

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
LONG_QUERY_S = 0.5
"""After a shorter query no memory is given back: to get it again would cost the next one too much."""
_PURGE_ALL = b"arena.4096.purge"
"""jemalloc's name for all arenas (MALLCTL_ARENAS_ALL)."""


class Growth:
    """The resident memory of this process against its first measurement."""

    def __init__(self, most_bytes: int) -> None:
        # Kept open: once the process is confined, it opens no file of /proc.
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        self._libc = ctypes.CDLL(None)
        # None where DuckDB was built without jemalloc.
        self._mallctl = getattr(ctypes.CDLL(_duckdb.__file__), "duckdb_je_mallctl", None)
        self._most_bytes = most_bytes
        self._start_bytes: int | None = None

    def begin(self) -> None:
        """Measure the process when it is ready for its first query."""
        self._start_bytes = self._resident_bytes()

    def is_too_large(self) -> bool:
        """Whether it keeps more than allowed, after giving back to the system what is only free."""
        if self._grown_bytes() <= self._most_bytes:
            return False
        self._give_back()
        return self._grown_bytes() > self._most_bytes

    def ended(self, took_s: float) -> None:
        """A query has ended: give back what a long one has left free."""
        if took_s >= LONG_QUERY_S:
            self._give_back()

    def _give_back(self) -> None:
        """Return free memory to the system: DuckDB's own allocator's, then the C library's."""
        if self._mallctl is not None:
            self._mallctl(_PURGE_ALL, None, None, None, ctypes.c_size_t(0))
        self._libc.malloc_trim(0)

    def _grown_bytes(self) -> int:
        if self._start_bytes is None:
            raise RuntimeError("the memory of the start was not measured")
        return self._resident_bytes() - self._start_bytes

    def _resident_bytes(self) -> int:
        return int(os.pread(self._statm, 256, 0).split()[1]) * _PAGE_BYTES
