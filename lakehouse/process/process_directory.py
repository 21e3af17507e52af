"""The directory of one process below a spool directory: locked while the process lives, removed with it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from journal import process_directory as directories


@contextmanager
def process_directory(spool_dir: Path) -> Iterator[Path]:
    """A new directory below `spool_dir` that this process alone uses; it is removed at the end. Blocks."""
    with _opened(spool_dir) as parent:
        name, lock = directories.make_process_directory(parent)
        try:
            yield spool_dir / name
        finally:
            directories.remove_process_directory(parent, name, lock)


def remove_abandoned(spool_dir: Path) -> None:
    """Remove the directories of processes that ended without removing them. Blocks.

    None is removed where the file system has no locks (flock(2)).
    """
    with _opened(spool_dir) as parent:
        directories.remove_abandoned(parent)


@contextmanager
def _opened(directory: Path) -> Iterator[int]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
