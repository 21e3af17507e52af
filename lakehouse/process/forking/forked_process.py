"""One forked process, as the server sees it. Owns our end of its status socket."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable

from lakehouse.process.forking.messages import NUMBER_BYTES, unpacked


class ForkServerEnded(OSError):
    """The fork server has ended without forking the process."""


class ForkedProcess:
    """A process that runs, or has ended."""

    def __init__(self, status: "_Status", pid: int) -> None:
        self._status = status
        self.pid = pid

    @classmethod
    async def started(cls, ours: socket.socket, crashed: Callable[[], None]) -> "ForkedProcess":
        """The process, once it was forked; `crashed` is called if it ends by a signal that is not ours.

        Raises ForkServerEnded, OSError.
        """
        status = _Status(crashed)
        try:
            await asyncio.get_running_loop().create_connection(lambda: status, sock=ours)
            pid = await status.pid
        except BaseException:
            status.end()
            raise
        if pid is None:
            raise ForkServerEnded
        if pid < 0:
            raise OSError(-pid, os.strerror(-pid))
        return cls(status, pid)

    @property
    def returncode(self) -> int | None:
        """As that of subprocess.Popen; None while it runs."""
        return self._status.returncode

    def kill(self) -> None:
        """End it now, whatever it does; without effect where it has ended."""
        self._status.end()

    async def wait(self) -> int:
        """The exit code, once it has ended; that of SIGKILL where its fork server has ended."""
        await self._status.ended.wait()
        if self._status.returncode is None:
            raise RuntimeError("a process that has ended has an exit code")
        return self._status.returncode


class _Status(asyncio.Protocol):
    """Receives two numbers: the process id, and the exit code."""

    def __init__(self, crashed: Callable[[], None]) -> None:
        self.pid: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        """None if there will be none."""
        self.ended = asyncio.Event()
        self.returncode: int | None = None
        self._crashed = crashed
        self._is_unwanted = False
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def end(self) -> None:
        """Have the process killed."""
        self._is_unwanted = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio, like all that follow."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) >= NUMBER_BYTES:
            self._set_pid(unpacked(self._received[:NUMBER_BYTES]))
        if len(self._received) == 2 * NUMBER_BYTES:
            self._set_ended(unpacked(self._received[NUMBER_BYTES:]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._set_pid(None)
        self._set_ended(-signal.SIGKILL)

    def _set_pid(self, pid: int | None) -> None:
        if not self.pid.done():  # it may be cancelled
            self.pid.set_result(pid)

    def _set_ended(self, returncode: int) -> None:
        if self.returncode is not None:
            return
        self.returncode = returncode
        self.ended.set()
        if returncode < 0 and not self._is_unwanted:
            self._crashed()
