"""Parsing options: how users spell in a query, or in arguments, how a file is to be read.

Pure. It opens no file; an option that it does not know is refused, never skipped.
"""

import codecs
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.file_formats import FILE_FORMATS
from lakehouse.formats.options import CSV, QUARANTINE, REJECT, Options
from lakehouse.formats.refusals import refusal, shown
from lakehouse.formats.types.names import TYPE_NAMES

OPTION_NAMES = frozenset(
    {
        *("delimiter", "encoding", "format", "header", "min_rows", "missing", "null"),
        *("on_error", "types"),
    }
)
_MAX_MIN_ROWS = 10**15
_TAB = ("TAB", "tab", r"\t")
"""Spellings of a tab that shells and URLs make easy to type."""

# The short spellings hold no comma and no bracket, which shells and URLs make hard to type.
SHORT_TYPES = {
    "date": "date32[day]",
    "timestamp": "timestamp[us]",
    "timestamptz": "timestamp[us, tz=UTC]",
}
_SPELLINGS = {name: name for name in TYPE_NAMES} | SHORT_TYPES

# Python calls these text encodings too, but they encode names, escapes or nothing at all.
_NOT_FOR_FILES = frozenset(
    {"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"}
)

T = TypeVar("T")


def parse_options(pairs: Sequence[tuple[str, str]]) -> Options | Refused:
    """Options from decoded (name, value) pairs of a query, in any order.

    `null` and `types` may be repeated, the others not. Anything unknown, and any value that does
    not parse, is `invalid_request`; nothing is skipped.
    """
    try:
        return _parsed(pairs)
    except RefusedError as error:
        return error.refused


def _parsed(pairs: Sequence[tuple[str, str]]) -> Options:
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in OPTION_NAMES:
            raise _invalid(
                f"there is no option {shown(name)}; there are {', '.join(sorted(OPTION_NAMES))}"
            )
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise _invalid(f"{name} {shown(value)} is not text")
        given.setdefault(name, []).append(value)
    return Options(
        delimiter=_single(given, "delimiter", ",", _delimiter),
        delimiter_given="delimiter" in given,
        encoding=_single(given, "encoding", "utf-8", _encoding),
        header=_single(given, "header", True, _boolean),
        # An unquoted empty field is null already.
        null_tokens=tuple(sorted(set(given.get("null", [])) - {""})),
        types=_types(given.get("types", [])),
        on_error=_single(
            given, "on_error", REJECT, partial(_one_of, "on_error", (REJECT, QUARANTINE))
        ),
        missing_as_null=_single(given, "missing", False, _missing),
        min_rows=_single(given, "min_rows", 0, _min_rows),
        format=_single(given, "format", CSV, partial(_one_of, "format", tuple(FILE_FORMATS))),
    )


def _single(given: dict[str, list[str]], name: str, default: T, parse: Callable[[str], T]) -> T:
    values = given.get(name, [])
    if len(values) > 1:
        raise _invalid(f"{name} is given {len(values)} times; give it once")
    return parse(values[0]) if values else default


def _delimiter(value: str) -> str:
    value = "\t" if value in _TAB else value
    if len(value) != 1 or not value.isascii() or value in '"\r\n\0':
        raise _invalid(
            f"delimiter {shown(value)} is not one ASCII character other than quote and newline"
        )
    return value


def _boolean(value: str) -> bool:
    if value not in ("true", "false"):
        raise _invalid(f"header {shown(value)} is neither true nor false")
    return value == "true"


def _missing(value: str) -> bool:
    return _one_of("missing", ("null",), value) == "null"


def _min_rows(value: str) -> int:
    if not (value.isascii() and value.isdecimal()) or int(value) > _MAX_MIN_ROWS:
        raise _invalid(f"min_rows {shown(value)} is not a number of rows")
    return int(value)


def _one_of(name: str, choices: tuple[str, ...], value: str) -> str:
    if value not in choices:
        raise _invalid(f"{name} {shown(value)} is not one of {', '.join(choices)}")
    return value


def _encoding(value: str) -> str:
    try:
        # Encoding, unlike lookup, refuses codecs that do not make bytes of text (rot13, base64).
        "a".encode(value)
        name = codecs.lookup(value).name
    except (LookupError, ValueError) as error:
        raise _invalid(f"encoding {shown(value)} is not known") from error
    if name.replace("-", "_") in _NOT_FOR_FILES:
        raise _invalid(f"encoding {shown(value)} is not one that files are written in")
    # A BOM is taken off in any case, so both names read alike.
    return "utf-8" if name == "utf-8-sig" else name


def _types(values: list[str]) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for column, name in (pair for value in values for pair in _type_pairs(value)):
        if column in found:
            raise _invalid(f"types names column {shown(column)} twice")
        found[column] = _SPELLINGS[name]
    return tuple(sorted(found.items()))


def _type_pairs(value: str) -> list[tuple[str, str]]:
    """Split `name:type,name:type`; names may hold ':' and ',', for the type names are known."""
    spellings = "|".join(re.escape(name) for name in sorted(_SPELLINGS, key=len, reverse=True))
    entry = re.compile(rf"(.+?):({spellings})(?:,|\Z)", re.DOTALL)
    pairs, position = [], 0
    while position < len(value):
        match = entry.match(value, position)
        if match is None:
            rest = value[position:]
            raise _invalid(
                f"types {shown(rest)} is not name:type; types are {', '.join(_SPELLINGS)}"
            )
        pairs.append((match[1], match[2]))
        position = match.end()
    return pairs


def _invalid(detail: str) -> RefusedError:
    return refusal("invalid_request", detail)
