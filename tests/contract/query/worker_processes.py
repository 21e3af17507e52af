"""The worker processes of this machine, as the kernel tells of them."""

import asyncio
import os
from pathlib import Path

WORKING_TICKS = 20
"""Hundredths of a second of the CPU: more than an idle process ever takes."""


def worker_pids(of: int | None = None) -> list[int]:
    """The query workers that the fork servers of a process have forked."""
    servers = fork_server_pids(of)
    return sorted(pid for server in servers for pid in _children(server) if _is_worker(pid))


def fork_server_pids(of: int | None = None) -> list[int]:
    return [pid for pid in _children(of or os.getpid()) if b"forking.program" in _cmdline(pid)]


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _cmdline(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _is_worker(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text() == "query-worker\n"
    except FileNotFoundError:
        return False


async def busiest(pids: list[int]) -> int:
    """The process that works now, whatever each took to start: the first to go on for a while."""
    before = {pid: ticks(pid) for pid in pids}
    while True:
        await asyncio.sleep(0.02)
        for pid in pids:
            if ticks(pid) >= before[pid] + WORKING_TICKS:
                return pid


def ticks(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().split()[13])


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
