"""Lines of JSON, each as its members: names and values, the values as they were written.

msgspec parses most lines and leaves values as they are; the standard library parses those with
escapes, or with what could be a repeated name. It decides no type.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.refusals import refusal
from lakehouse.formats.schema import name_fault

BLOCK_BYTES = 1 << 20
"""Text that is parsed at once: as objects it takes many times as much."""

_SPACES = b" \t\r\n"
_NOT_SIMPLE = re.compile(rb'\\|"[ \t\r]')


Members = Mapping[str, bytes | msgspec.Raw]


class Line(msgspec.Struct, frozen=True):
    """One line that is not empty: number, bytes, members as JSON; or what is wrong with it."""

    line: int
    raw: bytes
    cells: Members
    problem: str | None = None


class _Number(str):
    """A number's digits, as a type of their own beside strings."""

    __slots__ = ()


class _Bad(Exception):
    """A line is no row; the message says why."""


def parsed_lines(
    chunks: Iterable[bytes], limits: IngestLimits, first_line: int = 1
) -> Iterator[list[Line]]:
    """The lines of the text, a block at a time. Raises RefusedError for one that is too long."""
    number = first_line
    for block in _blocks(chunks, limits):
        lines = block.split(b"\n")
        found = [
            _line(number + place, line) for place, line in enumerate(lines) if line.strip(_SPACES)
        ]
        number += len(lines) - 1
        yield found


def plain(raw: bytes) -> str:
    """A value as text: a string's characters, else JSON without spaces."""
    value = _DECODER.decode(raw.decode())
    return value if isinstance(value, str) else compact(value)


def compact(value: Any) -> str:
    """JSON without spaces, numbers as they were written."""
    match value:
        case _Number():
            return str(value)
        case dict():
            members = (f"{compact(name)}:{compact(each)}" for name, each in value.items())
            return "{" + ",".join(members) + "}"
        case list():
            return "[" + ",".join(map(compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _blocks(chunks: Iterable[bytes], limits: IngestLimits) -> Iterator[bytes]:
    """The text cut after newlines; the last block may lack one. Raises LargeRecordError."""
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
            limits.check_large(size)
    yield b"".join(rest)


def _line(number: int, raw: bytes) -> Line:
    raw = raw.removesuffix(b"\r")
    try:
        return Line(number, raw, _cells(raw))
    except _Bad as error:
        return Line(number, raw, {}, str(error))


def _cells(raw: bytes) -> Members:
    """The members of a line, each value as JSON. Raises _Bad."""
    try:
        raw.decode()
        found = _simple(raw) or _members_of(raw)
    except UnicodeDecodeError as error:
        raise _Bad("bytes that are not utf-8") from error
    except UnicodeEncodeError as error:
        raise _Bad("an escape of half a character") from error
    except json.JSONDecodeError as error:
        raise _Bad(f"not JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise _Bad("nested too deeply") from error
    if fault := next(filter(None, map(_name_fault, found)), None):
        raise _Bad(f"{fault} in a name")
    return found


def _simple(raw: bytes) -> Members | None:
    """The members of a line that certainly repeats no name, else None.

    Without escapes and spaces after quotes, `":` ends each name and can begin a string: as many of
    them as members, and no name was passed over.
    """
    if _NOT_SIMPLE.search(raw):
        return None
    try:
        found = _MEMBERS.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if raw.count(b'":') == len(found) else None


def _members_of(raw: bytes) -> Members:
    found = _DECODER.decode(raw.decode())
    if not isinstance(found, dict):
        raise _Bad("not a JSON object")
    # What an escape can say and UTF-8 cannot is half of a pair: it does not encode.
    return {_text(name): compact(value).encode() for name, value in found.items()}


def _text(name: str) -> str:
    name.encode()
    return name


_name_fault = lru_cache(16_384)(name_fault)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Bad("a name occurs twice in one object")
    return found


def _constant(word: str) -> None:
    raise _Bad(f"{word} is not JSON")


_DECODER = json.JSONDecoder(
    parse_float=_Number, parse_int=_Number, parse_constant=_constant, object_pairs_hook=_members
)
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
