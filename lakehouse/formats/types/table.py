"""The type table: which of the seven types hold for every value of a text column.

Pure: Arrow text in, names of types out. It never samples and never rounds: a value that a type
could not print again as the same number, date or instant is not of that type. Every row of the
table is one predicate here, and a row of its own in the tests' slow reading of the same table.

Of the negative zeros only the text `-0` is no number: an integer would lose its sign. `-0.0` and
`-0e5` are doubles, and a double keeps the sign.
"""

import datetime
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.formats.types.exact_doubles import SURE_INTEGER, all_exact
from lakehouse.formats.types.names import BOOL, DATE, DOUBLE, INT64, STRING, TIMESTAMP, ZONED

# In the order of the table: the first that holds for every value wins.
TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    {
        BOOL: pa.bool_(),
        INT64: pa.int64(),
        DOUBLE: pa.float64(),
        DATE: pa.date32(),
        TIMESTAMP: pa.timestamp("us"),
        ZONED: pa.timestamp("us", tz="UTC"),
        STRING: pa.string(),
    }
)

_BOOLS = ("true", "false", "TRUE", "FALSE", "True", "False")
_DOUBLE = (
    r"(?:0|-?[1-9][0-9]*"
    r"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+))"
)
_STARTS = frozenset("tTfF-0123456789")
"""What a value that is not mere text begins with."""
_FEW = 64
"""For so many values Arrow's kernels take longer than Python does: each call lets other threads run."""
# With an offset, the year 0000 may be within bounds in UTC; as written it is not.
_YEAR = r"(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_INSTANT = (
    rf"^{_YEAR}-[0-9]{{2}}-[0-9]{{2}}[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]"
    r"(?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
)
_ZONE = r"(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])"
_FIRST_DAY = datetime.date.min.toordinal() - datetime.date(1970, 1, 1).toordinal()
_LAST_DAY = datetime.date.max.toordinal() - datetime.date(1970, 1, 1).toordinal()
_DAY_US = 86_400_000_000
_POWERS = tuple(10**digits for digits in range(1, 19))
_ONE_WAY = frozenset({(INT64, DOUBLE), (INT64, STRING), (DATE, STRING)})


class Classified(msgspec.Struct, frozen=True):
    """A column that was judged: the types that hold for it, in order, and its values as the first."""

    types: tuple[str, ...]
    values: pa.Array


class _Row(msgspec.Struct, frozen=True):
    """A row of the table: a shape to which one value is held first, and the reading of them all.

    `read` gives the values as the type, None where one of them is not of it.
    """

    shape: re.Pattern[str]
    read: Callable[[pa.StringArray], pa.Array | None]


def classify(values: pa.StringArray, candidates: tuple[str, ...]) -> Classified:
    """Those of `candidates` whose row of the table holds for every non-null value, in order.

    `candidates` are in the order of the table and end in `string`. Without any value all of them
    hold, and the values are text.
    """
    if candidates == (STRING,) or values.null_count == len(values):
        return Classified(candidates, values)
    # No value belongs to two rows, but for the integers that are doubles too.
    # One value decides for most text; matching whole columns would cost the most there.
    first = values[0].as_py()
    if first is None:
        first = values.drop_null()[0].as_py()
    if first[:1] not in _STARTS:
        return Classified((STRING,), values)
    for found in candidates:
        read = _read(values, first, found)
        if read is not None:
            break
    both = found == INT64 and DOUBLE in candidates and _are_doubles(values, read)
    types = dict.fromkeys((found, *((DOUBLE,) if both else ()), STRING))
    return Classified(tuple(types), read)


def cast(values: pa.Array, name: str) -> pa.Array:
    """Values as the type `name`, of which their text must be; nulls stay null."""
    return values if values.type == TYPES[name] else pc.cast(values, TYPES[name])


def is_lossless(was: str, name: str) -> bool:
    """Whether values of the type `was` tell what they are as `name`, which holds for their text.

    Integers and dates have one way to be written; what is a double or an instant has several.
    """
    return was in (name, STRING) or (was, name) in _ONE_WAY


def _read(values: pa.StringArray, first: str, name: str) -> pa.Array | None:
    row = _ROWS.get(name)
    if row is None:
        return values
    return row.read(values) if row.shape.match(first) else None


def _are_doubles(texts: pa.StringArray, integers: pa.Int64Array) -> bool:
    low, high = _ends(integers)
    if low > -SURE_INTEGER and high < SURE_INTEGER:
        return True
    return all_exact(texts, pc.cast(texts, pa.float64()))


def _bools(values: pa.StringArray) -> pa.Array | None:
    if len(values) <= _FEW:
        listed = {*values.to_pylist()} <= {None, *_BOOLS}
    else:
        listed = _all(pc.is_in(values.drop_null(), value_set=pa.array(_BOOLS)))
    return pc.cast(values, pa.bool_()) if listed else None


def _integers(values: pa.StringArray) -> pa.Array | None:
    numbers = _cast_or_none(values, pa.int64())
    return numbers if numbers is not None and _are_canonical(values, numbers) else None


def _are_canonical(texts: pa.StringArray, numbers: pa.Int64Array) -> bool:
    """Whether each text is its number as it is printed."""
    if len(texts) <= _FEW:
        printed = (None if each is None else str(each) for each in numbers.to_pylist())
        return bool(texts.to_pylist() == [*printed])
    data = texts.buffers()[2].to_pybytes()
    if b"x" in data or b"X" in data:
        # The one way to write a number with fewer characters is hexadecimal, which pyarrow reads.
        return _all(pc.equal(pc.cast(numbers, pa.string()), texts))
    return _total_length(texts) == _printed_length(numbers)


def _printed_length(numbers: pa.Int64Array) -> int:
    """How many characters the numbers have when they are printed."""
    low, high = _ends(numbers)
    count = len(numbers) - numbers.null_count
    length = count + (pc.less(numbers, 0).true_count if low < 0 else 0)
    for power in _POWERS:
        if low >= power:
            length += count
        elif high >= power:
            length += pc.greater_equal(numbers, power).true_count
        if low <= -power:
            length += pc.less_equal(numbers, -power).true_count
    return int(length)


def _doubles(values: pa.StringArray) -> pa.Array | None:
    numbers = _cast_or_none(values, pa.float64())
    holds = numbers is not None and _all_match(values, _DOUBLE) and all_exact(values, numbers)
    return numbers if holds else None


def _dates(values: pa.StringArray) -> pa.Array | None:
    # Of the length of YYYY-MM-DD, pyarrow takes that form alone.
    days = _cast_or_none(values, pa.date32()) if _have_length(values, 10) else None
    within = days is not None and _within(days.cast(pa.int32()), _FIRST_DAY, _LAST_DAY)
    return days if within else None


def _timestamps(values: pa.StringArray) -> pa.Array | None:
    return _instants(values, _INSTANT + "$", 19, TIMESTAMP)


def _zoned(values: pa.StringArray) -> pa.Array | None:
    return _instants(values, _INSTANT + _ZONE + "$", 20, ZONED)


def _instants(values: pa.StringArray, pattern: str, usual: int, name: str) -> pa.Array | None:
    # Of the length of YYYY-MM-DD HH:MM:SS, with a Z where there is a zone, pyarrow takes that form
    # alone; of other lengths also some that are not in the table.
    if not _have_length(values, usual) and not _all(pc.match_substring_regex(values, pattern)):
        return None
    instants = _cast_or_none(values, TYPES[name])
    first, last = _FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1
    within = instants is not None and _within(instants.cast(pa.int64()), first, last)
    return instants if within else None


def _all_match(values: pa.StringArray, pattern: str) -> bool:
    """Whether each value, none of which has a newline, is of a pattern that has none.

    In half the time of one by one; but for a few RE2 takes longer to make ready than to match.
    """
    present = values.drop_null() if values.null_count else values
    if len(present) <= _FEW:
        return all(map(re.compile(pattern).fullmatch, present.to_pylist()))
    every = pa.ListArray.from_arrays(pa.array([0, len(present)], pa.int32()), present)
    joined = pc.binary_join(every, "\n")
    return bool(pc.match_substring_regex(joined, f"^{pattern}(?:\n{pattern})*$")[0].as_py())


def _have_length(values: pa.StringArray, length: int) -> bool:
    if len(values) <= _FEW:
        return {len(each) for each in values.to_pylist() if each is not None} == {length}
    return _ends(pc.binary_length(values)) == (length, length)


def _total_length(values: pa.StringArray) -> int:
    total: int = pc.sum(pc.binary_length(values)).as_py()
    return total


def _cast_or_none(values: pa.StringArray, type_: pa.DataType) -> pa.Array | None:
    try:
        return pc.cast(values, type_)
    except pa.ArrowInvalid:
        return None


def _within(numbers: pa.Array, low: int, high: int) -> bool:
    least, most = _ends(numbers)
    return bool(low <= least and most <= high)


def _ends(numbers: pa.Array) -> tuple[Any, Any]:
    """The least and the greatest; there must be one."""
    found = pc.min_max(numbers).as_py()
    return found["min"], found["max"]


def _all(mask: pa.Array) -> bool:
    return bool(mask.false_count == 0)


_ROWS: Mapping[str, _Row] = MappingProxyType(
    {
        BOOL: _Row(re.compile("|".join(_BOOLS)), _bools),
        INT64: _Row(re.compile(r"-?[0-9]+\Z"), _integers),
        DOUBLE: _Row(re.compile(_DOUBLE + "$"), _doubles),
        DATE: _Row(re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z"), _dates),
        TIMESTAMP: _Row(re.compile(_INSTANT + "$"), _timestamps),
        ZONED: _Row(re.compile(_INSTANT + _ZONE + "$"), _zoned),
    }
)
