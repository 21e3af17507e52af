"""Short-lived processes of our own that do risky work: requests on stdin, answers on stdout.

Owns their start and their end. They get no credential; `self_limits` is what they ask for themselves. Must
never take a crash for an answer: the caller gets None and decides what that means.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

_MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Of a session: what is read ahead stays far below. Block hashes take 43 bytes for each MiB of a file."""


async def run_child(module: str, body: bytes, timeout_s: float) -> bytes | None:
    """What `python -m module PARENT_PID` answers to `body`; None if it crashes or takes too long.

    Cancelled, it kills the process.
    """
    process = await _started(module)
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


class ChildSession:
    """One process that answers requests one after the other, each of them a line, as each answer is.

    It ends with `close`, also when a request crashes it, takes too long or is cancelled; the next request
    then gets a new process. For one task at a time.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: asyncio.subprocess.Process | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and not ended by `close`."""
        return self._process is not None

    async def start(self) -> asyncio.subprocess.Process:
        """Start `python -m module PARENT_PID` unless it runs. Does not wait until it is ready."""
        if self._process is None:
            self._process = await _started(self._module, _MAX_ANSWER_BYTES)
        return self._process

    async def ask(self, request: bytes, timeout_s: float) -> bytes | None:
        """The answer; None if the process crashes or takes too long. `request` has no line break."""
        process, answer = await self.start(), b""
        if process.stdin is None or process.stdout is None:
            raise TypeError("the process has pipes")
        try:
            async with asyncio.timeout(timeout_s):
                process.stdin.write(request + b"\n")
                await process.stdin.drain()
                answer = await process.stdout.readline()
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            return None
        finally:
            if not answer.endswith(b"\n"):
                await self.close()
        return answer.removesuffix(b"\n") if answer.endswith(b"\n") else None

    async def close(self) -> None:
        """Kill the process if it runs."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.wait()


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


async def _started(module: str, line_bytes: int = 1 << 16) -> asyncio.subprocess.Process:
    """The process, of whose output lines of at most so many bytes are read."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", module, str(os.getpid())),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=child_environment(),
        start_new_session=True,  # Ctrl-C in a terminal is for the parent alone
        limit=line_bytes,
    )


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
