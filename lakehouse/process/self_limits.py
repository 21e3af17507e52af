"""Limits that a process sets for itself: when it ends, how much memory it may use, its priority.

Owns the calls to the kernel. Must never load what a worker does not need: it is imported first.
"""

import ctypes
import os
import resource
import signal
from collections.abc import Mapping

_PR_SET_PDEATHSIG = 1
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
"""Of mallopt(3)."""
MIB = 1024 * 1024
_REUSED_BYTES = 32 * MIB
_NICE = 19
"""The lowest priority: requests come first."""


def confine(address_space_bytes: int) -> None:
    """Run at the lowest priority, and bound all memory."""
    os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    limit_memory(address_space_bytes)


def die_with(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent ends, for any reason."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent_pid:  # it went before we asked
        os._exit(0)


def limit_memory(address_space_bytes: int) -> None:
    """Bound all memory, DuckDB's own accounting aside (repeat() passes it), and leave no core."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (address_space_bytes, address_space_bytes))


def reuse_freed_memory() -> None:
    """Have malloc keep freed memory up to 32 MiB instead of returning it to the kernel.

    For a process that frees and needs large buffers in turns: mapping them again takes a tenth of the
    CPU time of a rewrite of Parquet. Without effect where the C library has no mallopt.
    """
    _set_malloc({_M_MMAP_THRESHOLD: _REUSED_BYTES, _M_TRIM_THRESHOLD: _REUSED_BYTES})


def keep_freed_memory() -> None:
    """Have malloc get memory in steps of 8 MiB, and keep up to 64 MiB that are freed, for the next query."""
    _set_malloc({_M_MMAP_THRESHOLD: 8 * MIB, _M_TRIM_THRESHOLD: 64 * MIB, _M_TOP_PAD: 8 * MIB})


def _set_malloc(options: Mapping[int, int]) -> None:
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        for option, value in options.items():
            libc.mallopt(option, value)
