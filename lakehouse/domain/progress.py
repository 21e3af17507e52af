"""How far a long piece of work is, told while it is done. Whoever does it knows nobody who watches."""

from collections.abc import Callable

ProgressCallback = Callable[[int], object]
"""Is told how many are done, whenever there are more; from any thread."""


def ignore_progress(_: int) -> None:
    """Nobody wants to know how far it is."""
