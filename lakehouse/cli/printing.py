"""What the command line says: data to stdout, all else to stderr, control characters never raw."""

import sys
from collections.abc import Sequence
from typing import TextIO

import msgspec

from lakehouse.domain.errors import CODES, Json, Refused

_SHOWN = {code: f"\\x{code:02x}" for code in [*range(0x20), *range(0x7F, 0xA0)]}


def safe(text: str) -> str:
    """`text` as a terminal may show it: control characters as `\\x1b` and the like."""
    return text.translate(_SHOWN).encode("utf-8", "backslashreplace").decode()


def safe_lines(text: str) -> str:
    """As `safe`, but line ends stay."""
    return "\n".join(safe(part) for part in text.split("\n"))


def line(text: str, stream: TextIO | None = None) -> None:
    """One line of text, made safe."""
    print(safe(text), file=stream or sys.stdout)


def document(value: Json) -> None:
    """A value as one line of JSON. Non-ASCII control characters are escaped too."""
    print(escaped(msgspec.json.encode(value).decode()))  # noqa: T201


def escaped(text: str) -> str:
    """JSON with the control characters escaped that JSON itself leaves alone."""
    return text.translate({code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)})


def table(names: Sequence[str], rows: Sequence[Sequence[Json]]) -> None:
    """Rows in columns; null is empty."""
    texts = [[safe(_cell(cell)) for cell in row] for row in rows]
    widths = [
        max([len(name), *(len(row[column]) for row in texts)])
        for column, name in enumerate(map(safe, names))
    ]
    for row in [[safe(name) for name in names], ["-" * width for width in widths], *texts]:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(padded).rstrip())  # noqa: T201


def refused(refusal: Refused, as_json: bool) -> int:
    """Tell a refusal on stderr; its exit code."""
    code = CODES[refusal.code]
    if as_json:
        # A detail may quote a file's name, which may have any bytes.
        detail = refusal.detail.encode("utf-8", "backslashreplace").decode()
        body = {"code": refusal.code, "detail": detail, "errors": [*refusal.errors]}
        print(escaped(msgspec.json.encode(body).decode()), file=sys.stderr)  # noqa: T201
    else:
        text = f"lakehouse: {refusal.code}: {refusal.detail}"
        print(safe_lines(text), file=sys.stderr)  # noqa: T201
        for row in refusal.errors:
            line("  " + ", ".join(f"{name}: {value}" for name, value in row.items()), sys.stderr)
        line(f"  {code.hint}", sys.stderr)
    return code.exit


def _cell(cell: Json) -> str:
    if cell is None:
        return ""
    return cell if isinstance(cell, str) else msgspec.json.encode(cell).decode()
