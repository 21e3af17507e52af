"""A few values as JSON text, one by one: the same bytes as `json_columns`, only faster. Pure.

A call into Arrow costs what twenty values cost in Python, and a small result takes thirty such calls.
Types that are not in the table below are left to `json_columns`.
"""

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from lakehouse.query.render import render_special
from lakehouse.query.render.json_columns import (
    PER_SECOND,
    SAFE,
    TEXT,
    Array,
    extension_name,
    json_text,
)

VALUES = 500
"""The most values that are rendered one by one. Columns are faster beyond about twice as many."""

_SPECIAL = re.compile(r'["\\\x00-\x1f]')
_ESCAPES = {code: f"\\u{code:04x}" for code in range(0x20)} | {ord('"'): '\\"', ord("\\"): "\\\\"}


def json_texts(array: Array) -> list[str]:
    """Return one JSON text per value, `null` for null."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        name = extension_name(kind)
        texts = _EXTENSIONS[name](array.storage) if name in _EXTENSIONS else None
    else:
        texts = _TEXTS[kind.id](array) if kind.id in _TEXTS else None
    found: list[str] = json_text(array).to_pylist() if texts is None else list(texts)
    return found


def _integers(array: Array) -> Iterator[str]:
    for value in array.to_pylist():
        if value is None:
            yield "null"
        else:
            yield str(value) if -SAFE <= value <= SAFE else f'"{value}"'


def _hugeints(storage: Array) -> Iterator[str]:
    for value in storage.to_pylist():
        if value is None:
            yield "null"
        else:
            number = int.from_bytes(value, "little", signed=True)
            yield str(number) if -SAFE <= number <= SAFE else f'"{number}"'


def _booleans(array: Array) -> Iterator[str]:
    for value in array.to_pylist():
        yield "null" if value is None else "true" if value else "false"


def _strings(array: Array) -> Iterator[str]:
    for value in array.to_pylist():
        if value is None:
            yield "null"
        else:
            yield f'"{value.translate(_ESCAPES) if _SPECIAL.search(value) else value}"'


def _floats(array: Array) -> Iterator[str]:
    # The digits are Arrow's: Python's, of a FLOAT too, would be those of a DOUBLE.
    for value, text in zip(array.to_pylist(), array.cast(TEXT).to_pylist(), strict=True):
        if value is None:
            yield "null"
        elif not math.isfinite(value):
            yield _UNFINISHED.get(value, '"NaN"')
        else:
            yield f"{text}.0" if value.is_integer() and "e" not in text else text


def _decimals(array: Array) -> Iterator[str]:
    for value in array.to_pylist():
        yield "null" if value is None else f'"{value:f}"'


def _dates(array: Array) -> Iterator[str]:
    for days in array.view(pa.int32()).to_pylist():
        yield "null" if days is None else f'"{render_special.date_text(days)}"'


def _timestamps(array: Array) -> Iterator[str]:
    per_second, zone = PER_SECOND[array.type.unit], "Z" if array.type.tz else ""
    for ticks in array.view(pa.int64()).to_pylist():
        if ticks is None:
            yield "null"
        else:
            yield f'"{render_special.timestamp_text(ticks, per_second, zone)}"'


_UNFINISHED = {float("inf"): '"Infinity"', float("-inf"): '"-Infinity"'}
_EXTENSIONS: dict[str, Callable[[Any], Iterator[str]]] = {"hugeint": _hugeints, "bool8": _booleans}
_INTEGERS = (pa.int8(), pa.int16(), pa.int32(), pa.int64(),
             pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())  # fmt: skip
_TEXTS: dict[int, Callable[[Any], Iterator[str]]] = {
    **{kind.id: _integers for kind in _INTEGERS},
    pa.string().id: _strings,
    pa.large_string().id: _strings,
    pa.bool_().id: _booleans,
    pa.float32().id: _floats,
    pa.float64().id: _floats,
    pa.decimal128(1).id: _decimals,
    pa.date32().id: _dates,
    pa.timestamp("us").id: _timestamps,
}
