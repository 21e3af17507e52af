"""The directory of one process below a spool directory: locked while the process lives, removed with it.

What a killed process has left is known by its lock, which the kernel releases. A process id would say
nothing where containers share the spool directory.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "process-"


@contextmanager
def process_directory(spool_dir: Path) -> Iterator[Path]:
    """A new directory below `spool_dir` that this process alone uses; it is removed at the end. Blocks."""
    path, lock = _locked(spool_dir)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def remove_abandoned(spool_dir: Path) -> None:
    """Remove the directories of processes that ended without removing them. Blocks.

    None is removed where the file system has no locks (flock(2)).
    """
    for path in spool_dir.glob(f"{PREFIX}*"):
        try:
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            # Gone by now, or not a directory: then it is none of ours.
            continue
        try:
            if _lock(lock, fcntl.LOCK_NB):
                shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(lock)


def _locked(spool_dir: Path) -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=spool_dir))
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        _lock(lock)
        # Another process may have taken it for abandoned before it was locked.
        if path.exists():
            return path, lock
        os.close(lock)


def _lock(descriptor: int, flags: int = 0) -> bool:
    """Whether the lock is held now; False where another process holds it, or there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | flags)
    except OSError:
        return False
    return True
