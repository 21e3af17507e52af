"""Progress of long work, reported through a callback."""

from collections.abc import Callable

ProgressCallback = Callable[[int], object]
"""Called with how many are done, whenever there are more; from any thread."""


def ignore_progress(_: int) -> None:
    """Does nothing: for callers that show no progress."""
