"""Output: data to stdout, everything else to stderr; control characters are always escaped."""

import sys
from typing import Any, TextIO

import msgspec

from lakehouse.api.problem import CommandProblem
from lakehouse.cli.hints import hint
from lakehouse.domain.errors import CODES, Refused

_BIDIRECTIONAL = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Unicode's Bidi_Control: they make text appear in another order."""
_ESCAPED = {code: f"\\x{code:02x}" for code in [*range(0x20), *range(0x7F, 0xA0)]} | {
    code: f"\\u{code:04x}" for code in _BIDIRECTIONAL
}


def safe(text: str) -> str:
    """`text` with control characters escaped (`\\x1b`), as a terminal may receive it."""
    return text.translate(_ESCAPED).encode("utf-8", "backslashreplace").decode()


def safe_lines(text: str) -> str:
    """As `safe`, but line ends are kept."""
    return "\n".join(safe(part) for part in text.split("\n"))


def line(text: str, stream: TextIO | None = None) -> None:
    """Print one line, escaped."""
    print(safe(text), file=stream or sys.stdout)


def message(text: str) -> None:
    """Print one line to stderr, escaped."""
    line(text, sys.stderr)


def body(value: msgspec.Struct, *, as_json: bool, left_out: str = "") -> None:
    """Print an answer: as JSON, or one `name: value` per line, but for the member `left_out`."""
    if as_json:
        document(value)
        return
    for name, each in msgspec.structs.asdict(value).items():
        if name != left_out:
            line(f"{name}: {'' if each is None else each}")


def answer(value: msgspec.Struct, text: str, *, as_json: bool) -> None:
    """Print an answer: as JSON, or `text` as one line."""
    if as_json:
        document(value)
    else:
        line(text)


def document(value: object) -> None:
    """Print a value as one line of JSON. Non-ASCII control characters are escaped, too."""
    print(escaped(msgspec.json.encode(value).decode()))  # noqa: T201


def escaped(text: str) -> str:
    """JSON with those control characters escaped that JSON allows raw."""
    return text.translate(
        {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), *_BIDIRECTIONAL)}
    )


def plain(value: object) -> str:
    """A value as people read it: text as it is, all else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def problem(code: str, detail: str, errors: list[dict[str, Any]]) -> None:
    """Print why a command failed to stderr, as one line of JSON."""
    # A detail may quote a file name, which may have any bytes.
    text = detail.encode("utf-8", "backslashreplace").decode()
    found = CommandProblem(code, text, errors)
    print(escaped(msgspec.json.encode(found).decode()), file=sys.stderr)  # noqa: T201


def refused(refusal: Refused, as_json: bool, command: str = "") -> int:
    """Print a refusal of a command to stderr; return its exit code."""
    if as_json:
        problem(refusal.code, refusal.detail, [*refusal.errors])
    else:
        text = f"lakehouse: {refusal.code}: {refusal.detail}"
        print(safe_lines(text), file=sys.stderr)  # noqa: T201
        for row in refusal.errors:
            message("  " + ", ".join(f"{name}: {plain(value)}" for name, value in row.items()))
        message(f"  {hint(refusal.code, command)}")
    return CODES[refusal.code].exit
