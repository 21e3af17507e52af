"""The fork server: `python -m lakehouse.process.forking.program CONTROL_FD PARENT_PID MODULE…`.

Imports the modules once and forks a process for each request; all of them share the memory of what is
imported. Owns the start and the end of these processes. Must never open a file, a database or a connection,
nor have a second thread: the locks that it holds would stay locked in a forked process.
"""

import gc
import importlib
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

from lakehouse.process.forking.forked import run
from lakehouse.process.forking.messages import ForkRequest, packed, receive_request
from lakehouse.process.imports import refuse_pandas
from lakehouse.process.self_limits import die_with


def main() -> None:
    """Fork processes until the server has closed its end, and the last of them has ended."""
    control = socket.socket(fileno=int(sys.argv[1]))
    die_with(int(sys.argv[2]))
    refuse_pandas()
    for name in sys.argv[3:]:
        importlib.import_module(name)
    gc.collect()
    # A collection writes into the head of each object, and a page that is written is no longer shared.
    gc.disable()
    gc.freeze()
    Forking(control).serve()


class Forking:
    """The loop of the fork server, and the processes that it has forked."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._statuses: dict[int, socket.socket] = {}
        """By process id, until it has ended."""
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = socket.socketpair()

    def serve(self) -> None:
        """Answer requests."""
        self._watch_children()
        self._selector.register(self._control, selectors.EVENT_READ, self._take_request)
        while self._statuses or self._control.fileno() >= 0:
            for key, _ in self._selector.select():
                key.data()

    def _watch_children(self) -> None:
        for end in (self._woken, self._wake):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, _ignore)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._woken, selectors.EVENT_READ, self._reap)

    def _take_request(self) -> None:
        found = receive_request(self._control)
        if found is None:
            self._selector.unregister(self._control)
            self._control.close()
            return
        request, (status, *descriptors) = found
        self._fork(request, socket.socket(fileno=status), descriptors)

    def _fork(self, request: ForkRequest, status: socket.socket, descriptors: list[int]) -> None:
        _refuse_threads()
        parent_pid = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            pid = -(error.errno or 1)
        if pid == 0:
            run(request, descriptors, parent_pid)
        for descriptor in descriptors:
            os.close(descriptor)
        _tell(status, pid)
        if pid < 0:
            status.close()
            return
        self._statuses[pid] = status
        self._selector.register(status, selectors.EVENT_READ, lambda: self._kill(pid, status))

    def _kill(self, pid: int, status: socket.socket) -> None:
        """The server does not want the process any more, or has ended. It is reaped like any other."""
        if self._statuses.get(pid) is status:  # else it was reaped since the events were read
            self._selector.unregister(status)
            os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            self._woken.recv(4096)
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._report(ended[0], os.waitstatus_to_exitcode(ended[1]))

    def _report(self, pid: int, exit_code: int) -> None:
        status = self._statuses.pop(pid)
        with suppress(KeyError):  # it was killed
            self._selector.unregister(status)
        _tell(status, exit_code)
        status.close()


def _tell(status: socket.socket, number: int) -> None:
    with suppress(ConnectionError):  # the server has ended
        status.send(packed(number))


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing: the signal's number arrives by the descriptor."""


def _refuse_threads() -> None:
    if (count := len([*Path("/proc/self/task").iterdir()])) != 1:
        raise RuntimeError(f"the fork server has {count} threads; it forks only with one")


if __name__ == "__main__":
    main()
