"""Short-lived processes of our own that do risky work: requests on stdin, answers on stdout.

Owns their start and their end. They get no credential; `self_limits` is what they ask for themselves. Must
never take a crash for an answer: the caller gets None and decides what that means.
"""

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import suppress

import msgspec

from lakehouse.process.forking.environment import child_environment
from lakehouse.process.forking.fork_server import ForkServer
from lakehouse.process.forking.forked_process import ForkedProcess
from lakehouse.process.forking.messages import ForkRequest

_MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Of a session: what is read ahead stays far below. Block hashes take 43 bytes for each MiB of a file."""


class Program(msgspec.Struct, frozen=True):
    """What a process of its own runs: `main` of this module. `name` is that of the process, for `ps`."""

    module: str
    name: str


async def run_child(
    forks: ForkServer, program: Program, body: bytes, timeout_s: float
) -> bytes | None:
    """What the program answers to `body`; None if it crashes or takes too long.

    Cancelled, it kills the process.
    """
    child = await _started(forks, program)
    try:
        async with asyncio.timeout(timeout_s):
            child.writer.write(body)
            child.writer.write_eof()
            answer = await child.reader.read()
            exit_code = await child.process.wait()
    except (TimeoutError, ConnectionError):
        return None
    finally:
        await child.close()
    return answer if exit_code == 0 else None


class ChildSession:
    """One process that answers requests one after the other, each of them a line, as each answer is.

    It ends with `close`, also when a request crashes it, takes too long or is cancelled; the next request
    then gets a new process. For one task at a time.
    """

    def __init__(self, forks: ForkServer, program: Program) -> None:
        self._forks = forks
        self._program = program
        self._child: _Child | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and not ended by `close`."""
        return self._child is not None

    async def start(self) -> ForkedProcess:
        """Start the program unless it runs. Does not wait until it is ready."""
        return (await self._started()).process

    async def _started(self) -> "_Child":
        if self._child is None:
            self._child = await _started(self._forks, self._program, _MAX_ANSWER_BYTES)
        return self._child

    async def ask(self, request: bytes, timeout_s: float) -> bytes | None:
        """The answer; None if the process crashes or takes too long. `request` has no line break."""
        child, answer = await self._started(), b""
        try:
            async with asyncio.timeout(timeout_s):
                child.writer.write(request + b"\n")
                await child.writer.drain()
                answer = await child.reader.readline()
        except (TimeoutError, ConnectionError):
            return None
        finally:
            if not answer.endswith(b"\n"):
                await self.close()
        return answer.removesuffix(b"\n") if answer.endswith(b"\n") else None

    async def close(self) -> None:
        """Kill the process if it runs."""
        child, self._child = self._child, None
        if child is not None:
            await child.close()


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


class _Child(msgspec.Struct, frozen=True):
    """A process, and our ends of its stdin and stdout."""

    process: ForkedProcess
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def close(self) -> None:
        """Kill the process if it runs."""
        self.process.kill()
        await self.process.wait()
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


async def _started(forks: ForkServer, program: Program, line_bytes: int = 1 << 16) -> _Child:
    """The process, of whose output lines of at most so many bytes are read."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            request = ForkRequest(program.module, program.name, stdio=True)
            process = await forks.fork(request, (theirs.fileno(),))
        except BaseException:
            ours.close()
            raise
    return _Child(process, *await asyncio.open_connection(sock=ours, limit=line_bytes))
