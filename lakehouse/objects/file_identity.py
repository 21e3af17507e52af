"""The identity of an open file. Must never follow a path: uses the descriptor that is read."""

import os

from lakehouse.objects.extents import Identity


def file_identity(descriptor: int) -> Identity:
    """The identity of the file that a descriptor refers to, now."""
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns
