"""The directory of one process in a directory that processes share: locked while the process lives.

What a killed process has left is known by its lock, which the kernel releases. A process id would say
nothing where containers share the directory. All functions block.
"""

import fcntl
import os
import secrets
import shutil
from contextlib import suppress

PREFIX = "process-"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def make_process_directory(parent: int) -> tuple[str, int]:
    """A new directory in the open directory `parent`: its name, and its descriptor, which holds the lock."""
    while True:
        name = f"{PREFIX}{secrets.token_hex(8)}"
        os.mkdir(name, 0o700, dir_fd=parent)
        # Another process may take it for abandoned before it is locked.
        with suppress(FileNotFoundError):
            descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
            _lock(descriptor)
            if _exists(parent, name):
                return name, descriptor
            os.close(descriptor)


def remove_process_directory(parent: int, name: str, descriptor: int) -> None:
    """Remove a directory of this process with all that it holds, and release its lock."""
    shutil.rmtree(name, ignore_errors=True, dir_fd=parent)
    os.close(descriptor)


def remove_abandoned(parent: int) -> None:
    """Remove the directories of processes that ended without removing them.

    None is removed where the file system has no locks (flock(2)).
    """
    for name in os.listdir(parent):
        if not name.startswith(PREFIX):
            continue
        try:
            descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
        except OSError:
            # Gone by now, or not a directory: then it is none of ours.
            continue
        try:
            if _lock(descriptor, fcntl.LOCK_NB):
                shutil.rmtree(name, ignore_errors=True, dir_fd=parent)
        finally:
            os.close(descriptor)


def _exists(parent: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _lock(descriptor: int, flags: int = 0) -> bool:
    """Whether the lock is held now; False where another process holds it, or there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | flags)
    except OSError:
        return False
    return True
