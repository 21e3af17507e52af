"""Lines of JSON as rows of texts: each value with its kind, each number with its own digits.

It reads with the standard library's parser, which hands numbers over as they are written. It
decides no type.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from lakehouse.ingest.limits import Limits
from lakehouse.ingest.refusals import refusal

Kind = Literal["bool", "number", "string", "nested"]
NESTED: Kind = "nested"
BLOCK_BYTES = 1 << 20
"""Text that is parsed at once: as objects it takes many times as much."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SPACES = b" \t\r\n"


class Line(msgspec.Struct, frozen=True):
    """One line that is not empty: its number, its bytes, and its members or what is wrong with it."""

    line: int
    raw: bytes
    cells: dict[str, Any] | None
    problem: str | None = None


class _Number(str):
    """A number's digits, told apart from a string's characters."""

    __slots__ = ()


class _Bad(Exception):
    """A line is no row; the message says why."""


def parsed_lines(chunks: Iterable[bytes], limits: Limits) -> Iterator[list[Line]]:
    """The lines of the text, a block at a time. Raises RefusedError for one that is too long."""
    number = 1
    for block in _blocks(chunks, limits):
        lines = block.split(b"\n")
        found = [
            _line(number + place, line) for place, line in enumerate(lines) if line.strip(_SPACES)
        ]
        number += len(lines) - 1
        yield found


def cell(cells: dict[str, Any] | None, key: str) -> tuple[str | None, Kind | None]:
    """A member as text, and its kind; (None, None) for null or nothing."""
    value = (cells or {}).get(key)
    match value:
        case None:
            return None, None
        case bool():
            return ("true" if value else "false"), "bool"
        case _Number():
            return str(value), "number"
        case str():
            return value, "string"
    return _json(value), NESTED


def _blocks(chunks: Iterable[bytes], limits: Limits) -> Iterator[bytes]:
    """The text cut after newlines; the last block may lack one."""
    rest: list[bytes] = []
    size = 0
    for chunk in chunks:
        for start in range(0, len(chunk), BLOCK_BYTES):
            piece = chunk[start : start + BLOCK_BYTES]
            stop = piece.rfind(b"\n") + 1
            if stop:
                yield b"".join([*rest, piece[:stop]])
                rest, size = [], 0
            rest.append(piece[stop:])
            size += len(piece) - stop
            if size > limits.record_bytes:
                detail = f"a line of more than {limits.record_bytes} bytes"
                raise refusal("malformed_ndjson", detail)
    yield b"".join(rest)


def _line(number: int, raw: bytes) -> Line:
    raw = raw.removesuffix(b"\r")
    try:
        return Line(number, raw, _cells(raw))
    except _Bad as error:
        return Line(number, raw, None, str(error))


def _cells(raw: bytes) -> dict[str, Any]:
    try:
        found = _DECODER.decode(raw.decode())
        # What an escape can say and UTF-8 cannot: half of a pair.
        if b"\\u" in raw:
            _json(found).encode()
    except UnicodeDecodeError as error:
        raise _Bad("bytes that are not utf-8") from error
    except UnicodeEncodeError as error:
        raise _Bad("an escape of half a character") from error
    except json.JSONDecodeError as error:
        raise _Bad(f"not JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise _Bad("nested too deeply") from error
    if not isinstance(found, dict):
        raise _Bad("not a JSON object")
    if any(_CONTROL.search(key) for key in found):
        raise _Bad("a control character in a name")
    return found


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Bad("a name stands twice in one object")
    return found


def _constant(word: str) -> None:
    raise _Bad(f"{word} is not JSON")


def _json(value: Any) -> str:
    """JSON without spaces, numbers as they were written."""
    match value:
        case _Number():
            return str(value)
        case dict():
            members = (f"{_json(name)}:{_json(each)}" for name, each in value.items())
            return "{" + ",".join(members) + "}"
        case list():
            return "[" + ",".join(map(_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


_DECODER = json.JSONDecoder(
    parse_float=_Number, parse_int=_Number, parse_constant=_constant, object_pairs_hook=_members
)
