"""How far a long command is: a line on stderr for a person who watches, nothing for a machine."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lakehouse.domain.progress import ProgressCallback, ignore_progress


@contextmanager
def counting(what: str, total: int | None = None) -> Iterator[ProgressCallback]:
    """A bar, or without a total a count, of things; `what` names them in the plural."""
    with _watched(what, total, in_bytes=False) as reached:
        yield reached


@contextmanager
def transferring(what: str, total_bytes: int | None = None) -> Iterator[ProgressCallback]:
    """A bar of bytes, with their rate."""
    with _watched(what, total_bytes, in_bytes=True) as reached:
        yield reached


@contextmanager
def _watched(what: str, total: int | None, *, in_bytes: bool) -> Iterator[ProgressCallback]:
    if not sys.stderr.isatty():
        yield ignore_progress
        return
    # Here and not above: nobody who does not watch need wait for rich to be imported.
    from lakehouse.cli.bars import bar

    with bar(what, total, in_bytes=in_bytes) as reached:
        yield reached
