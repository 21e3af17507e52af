"""Progress of a long command: a bar on stderr where that is a terminal, nothing otherwise."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lakehouse.domain.progress import ProgressCallback, ignore_progress


@contextmanager
def counting(description: str, total: int | None = None) -> Iterator[ProgressCallback]:
    """A bar, or without a total a count, of what `description` names in the plural."""
    with _bar(description, total, in_bytes=False) as progress:
        yield progress


@contextmanager
def transferring(description: str, total_bytes: int | None = None) -> Iterator[ProgressCallback]:
    """A bar of bytes with their rate."""
    with _bar(description, total_bytes, in_bytes=True) as progress:
        yield progress


@contextmanager
def _bar(description: str, total: int | None, *, in_bytes: bool) -> Iterator[ProgressCallback]:
    if not sys.stderr.isatty():
        yield ignore_progress
        return
    # Imported here: only a terminal needs rich.
    from rich import progress as rich
    from rich.console import Console

    amount: tuple[rich.ProgressColumn, ...] = (rich.MofNCompleteColumn(),)
    if in_bytes:
        amount = (rich.DownloadColumn(), rich.TransferSpeedColumn())
    text = rich.TextColumn("{task.description}")
    columns = (text, rich.BarColumn(), *amount, rich.TimeElapsedColumn())
    # transient: the bar is removed when the work is done.
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(description, total=total)
        yield lambda done: bar.update(task, completed=done)
