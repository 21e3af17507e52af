"""A column of JSON values as Arrow text, and the kind of each value. Pure; it decides no type."""

from collections.abc import Sequence
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.formats.ndjson.lines import Line, plain

Kind = Literal["bool", "number", "string", "nested"]

_FIRST = {"string": '"', "bool": "tf", "number": "-0123456789", "nested": "{["}
_MARKS = pa.array([mark.encode() for marks in _FIRST.values() for mark in marks], pa.binary())
_KINDS = pa.array([kind for kind, marks in _FIRST.items() for _ in marks], pa.string())


def column(rows: Sequence[Line], key: str) -> tuple[pa.StringArray, pa.StringArray]:
    """The members `key` of these rows as text, and their kinds; null for null and for nothing."""
    found = (row.cells.get(key) for row in rows)
    # Of what msgspec has left alone a copy that Arrow understands.
    raws = pa.array([None if raw is None else bytes(raw) for raw in found], pa.binary())
    # What begins with none of the marks is `null`.
    kinds = pc.take(_KINDS, pc.index_in(pc.binary_slice(raws, 0, 1), value_set=_MARKS))
    raws = pc.if_else(pc.is_valid(kinds), raws, pa.scalar(None, pa.binary()))
    return _texts(raws, kinds_of(kinds)), kinds


def kinds_of(kinds: pa.StringArray) -> frozenset[Kind]:
    """The kinds that are there."""
    return frozenset(kind for kind in pc.unique(kinds).to_pylist() if kind is not None)


def _texts(raws: pa.BinaryArray, found: frozenset[Kind]) -> pa.StringArray:
    if found <= {"bool", "number"}:
        return pc.cast(raws, pa.string())
    escaped = pc.any(pc.match_substring(raws, "\\"), min_count=0).as_py()
    if found == {"string"} and not escaped:
        return pc.cast(pc.binary_slice(raws, 1, -1), pa.string())
    return pa.array([None if raw is None else plain(raw) for raw in raws.to_pylist()], pa.string())
