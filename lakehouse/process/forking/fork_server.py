"""The server's handle of its fork server: starts it when it is first needed, and anew when it has ended.

Owns the fork servers of one service: the newest forks, an older one ends with the last of its processes.
Must never hand a process a descriptor that its request does not name, nor the environment of the server.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from lakehouse.process.forking.environment import child_environment
from lakehouse.process.forking.forked_process import ForkedProcess, ForkServerEnded
from lakehouse.process.forking.messages import ForkRequest, send_request

_PROGRAM = "lakehouse.process.forking.program"


class ForkServer:
    """Forks processes for one event loop, from a process that has imported `modules`."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = modules
        self._control: socket.socket | None = None
        """Of the newest fork server."""
        self._processes: list[asyncio.subprocess.Process] = []
        self._starting = asyncio.Lock()

    async def fork(self, request: ForkRequest, descriptors: Sequence[int]) -> ForkedProcess:
        """The new process, with these descriptors. Raises OSError where the system has no room for it."""
        control = await self._running()
        try:
            return await self._forked(control, request, descriptors)
        except ForkServerEnded:
            self._replace(control)
            return await self._forked(await self._running(), request, descriptors)

    async def close(self) -> None:
        """End every fork server, and with it its processes."""
        self._leave()
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _forked(
        self, control: socket.socket, request: ForkRequest, descriptors: Sequence[int]
    ) -> ForkedProcess:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                send_request(control, request, (theirs.fileno(), *descriptors))
            except ConnectionError as error:
                ours.close()
                raise ForkServerEnded from error
        return await ForkedProcess.started(ours, partial(self._replace, control))

    async def _running(self) -> socket.socket:
        async with self._starting:
            if self._control is None:
                self._control = await self._start()
            return self._control

    async def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", _PROGRAM, str(theirs.fileno()), str(os.getpid())),
                *self._modules,
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                env=child_environment(),
                start_new_session=True,  # Ctrl-C in a terminal is for the server alone
            )
        self._processes = [each for each in self._processes if each.returncode is None]
        self._processes.append(process)
        return ours

    def _replace(self, control: socket.socket) -> None:
        """Fork the next process from another fork server: this one or one of its processes has crashed.

        All processes of one fork server have the same addresses and the same stack canary: whoever makes one
        after the other crash could guess them byte by byte.
        """
        if self._control is control:
            import structlog  # not in the forked programs, which import this module too

            structlog.get_logger().warning("fork_server_replaced")
            self._leave()

    def _leave(self) -> None:
        """Fork nothing more from the newest fork server."""
        if self._control is not None:
            self._control.close()
            self._control = None
