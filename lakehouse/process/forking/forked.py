"""What a forked process does before and after its program: leaves the fork server behind, and ends.

Must never return to the loop of the fork server, nor keep a descriptor that its request does not name.
"""

import ctypes
import gc
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from lakehouse.process.forking.messages import ForkRequest
from lakehouse.process.self_limits import die_with

_PR_SET_NAME = 15


def run(request: ForkRequest, descriptors: Sequence[int], parent_pid: int) -> NoReturn:
    """Run the program of the request in this process, and end the process."""
    exit_code = 1
    try:
        die_with(parent_pid)
        _leave_parent(request, descriptors)
        importlib.import_module(request.module).main()
        exit_code = 0
    except SystemExit as end:
        exit_code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  # as the interpreter does at its end
        traceback.print_exc()
    finally:
        with suppress(OSError):  # nobody reads it
            sys.stdout.flush()
        os._exit(exit_code)


def _leave_parent(request: ForkRequest, descriptors: Sequence[int]) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_PR_SET_NAME, request.name.encode(), 0, 0, 0)
    handed: Sequence[int] = () if request.stdio else descriptors
    if request.stdio:
        _connect_stdio(descriptors[0])
    _close_all_but({0, 1, 2, *handed})
    sys.argv = [request.module, *map(str, handed)]
    if request.directory is not None:
        os.chdir(request.directory)
    gc.enable()


def _connect_stdio(descriptor: int) -> None:
    """Requests come by stdin, answers go to stdout, messages of libraries nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number, source in ((0, descriptor), (1, descriptor), (2, nowhere)):
        os.dup2(source, number)
    # Those of the fork server were made for other files, and remember what these can do.
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)


def _close_all_but(kept: set[int]) -> None:
    """Close the fork server's own descriptors, and those of its other processes."""
    for each in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if each not in kept:
            with suppress(OSError):  # the one by which the directory was listed
                os.close(each)
