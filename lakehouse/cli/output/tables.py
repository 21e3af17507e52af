"""Tables as text: aligned columns, cut to the terminal's width, paged where they are longer than it.

Into a pipe or a file a table goes whole, neither cut nor paged.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import TextIO

from lakehouse.cli.output.printing import plain, safe
from lakehouse.domain.errors import Json

NULL = "NULL"
_GAP = "  "
_MIN_WIDTH = 4
_CUT = "…"


def print_table(
    names: Sequence[str],
    rows: Sequence[Sequence[Json]],
    *,
    null: str = "",
    pager: bool = True,
    title: Sequence[str] = (),
    file: TextIO | None = None,
) -> None:
    """Print rows below their column names; `title` are lines before them. `null` stands for null.

    Prints to `file`, or to stdout.
    """
    terminal = file is None and sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else None
    cells = [[safe(_text(cell, null)) for cell in row] for row in rows]
    lines = [*map(safe, title), *_layout([safe(name) for name in names], cells, width)]
    if terminal and pager and len(lines) >= shutil.get_terminal_size().lines and _page(lines):
        return
    for line in lines:
        print(line, file=file)


def _layout(names: list[str], rows: list[list[str]], width: int | None) -> list[str]:
    widths = [max(map(_cells, column)) for column in zip(names, *rows, strict=True)]
    if width is not None:
        widths = _fitted(widths, width)
    rule = ["-" * column for column in widths]
    return [
        _GAP.join(_padded(cell, column) for cell, column in zip(row, widths, strict=True)).rstrip()
        for row in [names, rule, *rows]
    ]


def _fitted(widths: list[int], width: int) -> list[int]:
    """The columns' widths, the widest ones reduced until a line has at most `width` cells."""
    room = max(width - len(_GAP) * (len(widths) - 1), _MIN_WIDTH * len(widths))
    limit = min(max(widths, default=0), room)
    while limit > _MIN_WIDTH and sum(min(each, limit) for each in widths) > room:
        limit -= 1
    spare = room - sum(min(each, limit) for each in widths)
    fitted = []
    for each in widths:
        extra = min(max(each - limit, 0), max(spare, 0))
        fitted.append(min(each, limit) + extra)
        spare -= extra
    return fitted


def _padded(text: str, width: int) -> str:
    """`text` cut or filled to exactly `width` cells of a terminal."""
    if _cells(text) > width:
        while _cells(text) > width - 1:
            text = text[:-1] if len(text) < 2 * width else text[: 2 * width - 1]
        text += _CUT
    return text + " " * (width - _cells(text))


def _cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _page(lines: list[str]) -> bool:
    """Show lines in `$PAGER`, by default `less`. Returns False when there is no pager to start."""
    command = shlex.split(os.environ.get("PAGER", "less"))
    if not command:
        return False
    environ = {"LESS": "FRX", **os.environ}
    try:
        pager = subprocess.Popen(
            command, stdin=subprocess.PIPE, env=environ, text=True, errors="backslashreplace"
        )
    except OSError:
        return False
    # Ctrl-C is the pager's while it runs: it must not be left behind on the terminal.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pager.communicate("".join(f"{line}\n" for line in lines))
    finally:
        signal.signal(signal.SIGINT, before)
    return True


def _text(cell: Json, null: str) -> str:
    if cell is None:
        return null
    return plain(cell)
