"""One short-lived process of our own that does risky work: its input on stdin, its answer on stdout.

Owns its start and its end. The process gets no credential; `self_limits` is what it asks for itself. Must
never take a crash for an answer: the caller gets None and decides what that means.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path


async def run_child(module: str, body: bytes, timeout_s: float) -> bytes | None:
    """What `python -m module PARENT_PID` answers to `body`; None if it crashes or takes too long.

    Cancelled, it kills the process.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", module, str(os.getpid())),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=child_environment(),
        start_new_session=True,  # Ctrl-C in a terminal is for the parent alone
    )
    try:
        async with asyncio.timeout(timeout_s):
            answer, _ = await process.communicate(body)
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return answer if process.returncode == 0 else None


def run_child_blocking(module: str, argument: str, body: bytes, timeout_s: float) -> bytes | None:
    """What `python -m module PARENT_PID ARGUMENT` answers to `body`; None if it crashes.

    Raises TimeoutError once it has been killed because it takes too long. A process that ends with its
    parent ends with the thread that started it, which waits here.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", module, str(os.getpid()), argument],
            env=child_environment(),
            input=body,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is for the parent alone
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"{module} takes longer than {timeout_s:.0f} s") from error
    return done.stdout if done.returncode == 0 else None


def child_environment() -> dict[str, str]:
    """The environment of a child process: no credential, no proxy.

    Few malloc arenas, since RLIMIT_AS counts them, and Arrow's pool is the system's: its own one and many
    arenas add 80 MB to the peak of reading a Parquet file of 365 MB.
    """
    return {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "MALLOC_ARENA_MAX": "2",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }
