"""The type table: which of the seven types hold for every value of a text column.

Pure: Arrow text in, names of types out. It never samples and never rounds; a value that a type
could not print again as the same number, date or instant is not of that type. Every row of the
table is one predicate here, and a row of its own in the tests' slow reading of the same table.

Negative zero, read literally: only the text `-0` is kept out, since an integer would lose its
sign. `-0.0` and `-0e5` are doubles, and a double keeps the sign.
"""

import datetime
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

BOOL, INT64, DOUBLE, DATE, TIMESTAMP, ZONED, STRING = (
    "bool",
    "int64",
    "double",
    "date32[day]",
    "timestamp[us]",
    "timestamp[us, tz=UTC]",
    "string",
)

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
_ZERO = r"^-?[0.]+(?:[eE].*)?$"
_BEYOND_DIGITS = r"^-?[0.]*|[eE].*$|\."
_MAX_DIGITS = 15
_MIN_DOUBLE, _END_DOUBLE = 1e-307, 1e308
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


class _Row(msgspec.Struct, frozen=True):
    """A row of the table: a shape to which one value is held first, and the test of them all."""

    shape: re.Pattern[str]
    holds: Callable[[pa.StringArray], bool]


def surviving(values: pa.StringArray, candidates: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `candidates` whose row of the table holds for every non-null value, in order.

    `candidates` stand in the order of the table and end in `string`.
    """
    if candidates == (STRING,):
        return candidates
    present = values.drop_null() if values.null_count else values
    if not len(present):
        return candidates
    # No value belongs to two rows, but for the integers that are doubles too.
    found = next(name for name in candidates if _holds(present, name))
    both = found == INT64 and DOUBLE in candidates and _are_short_or_doubles(present)
    return tuple(dict.fromkeys((found, *((DOUBLE,) if both else ()), STRING)))


def first_misfit(values: pa.StringArray, name: str) -> int:
    """Index of the first value that is not of the type `name`; one there must be."""
    start, stop = 0, len(values)
    while stop - start > 1:
        middle = (start + stop) // 2
        if _holds(values.slice(start, middle - start).drop_null(), name):
            start = middle
        else:
            stop = middle
    return start


def cast(values: pa.Array, name: str) -> pa.Array:
    """Text as the type `name`, which must hold for it; nulls stay null."""
    return values if name == STRING else pc.cast(values, TYPES[name])


def _holds(present: pa.StringArray, name: str) -> bool:
    row = _ROWS.get(name)
    if row is None or not len(present):
        return True
    # One value tells most text apart; matching whole columns against it would cost the most.
    return row.shape.match(present[0].as_py()) is not None and row.holds(present)


def _are_short_or_doubles(integers: pa.StringArray) -> bool:
    longest: int = pc.max(pc.binary_length(integers)).as_py()
    return longest <= _MAX_DIGITS or _is_double(integers)


def _is_bool(present: pa.StringArray) -> bool:
    return _all(pc.is_in(present, value_set=pa.array(_BOOLS)))


def _is_int64(present: pa.StringArray) -> bool:
    # What prints again as the very same text is canonical and within 64 bits.
    numbers = _cast_or_none(present, pa.int64())
    return numbers is not None and _all(pc.equal(pc.cast(numbers, pa.string()), present))


def _is_double(present: pa.StringArray) -> bool:
    if not _all_match(present, _DOUBLE):
        return False
    # A decimal of 15 digits and its nearest double never change sides of a bound of one digit,
    # so the bounds may be compared as doubles once the digits are known to be few.
    return _has_few_digits(present) and _has_double_size(present)


def _has_few_digits(present: pa.StringArray) -> bool:
    long = present.filter(pc.greater(pc.binary_length(present), _MAX_DIGITS))
    digits = pc.utf8_rtrim(pc.replace_substring_regex(long, _BEYOND_DIGITS, ""), "0")
    return _all(pc.less_equal(pc.binary_length(digits), _MAX_DIGITS))


def _has_double_size(present: pa.StringArray) -> bool:
    numbers = _cast_or_none(present, pa.float64())
    if numbers is None:
        return False
    sizes = pc.abs(numbers)
    tiny = present.filter(pc.less(sizes, _MIN_DOUBLE))
    return _all(pc.less(sizes, _END_DOUBLE)) and _all(pc.match_substring_regex(tiny, _ZERO))


def _is_date(present: pa.StringArray) -> bool:
    # Of the length of YYYY-MM-DD, pyarrow takes that form alone.
    if not _have_length(present, 10):
        return False
    days = _cast_or_none(present, pa.date32())
    return days is not None and _within(days.cast(pa.int32()), _FIRST_DAY, _LAST_DAY)


def _is_timestamp(present: pa.StringArray) -> bool:
    return _is_instant(present, _INSTANT + "$", 19, TIMESTAMP)


def _is_zoned(present: pa.StringArray) -> bool:
    return _is_instant(present, _INSTANT + _ZONE + "$", 20, ZONED)


def _is_instant(present: pa.StringArray, pattern: str, usual: int, name: str) -> bool:
    # Of the length of YYYY-MM-DD HH:MM:SS, with a Z where there is a zone, pyarrow takes that form
    # alone; of other lengths also some that are not in the table.
    if not _have_length(present, usual) and not _all(pc.match_substring_regex(present, pattern)):
        return False
    instants = _cast_or_none(present, TYPES[name])
    if instants is None:
        return False
    return _within(instants.cast(pa.int64()), _FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1)


def _all_match(present: pa.StringArray, pattern: str) -> bool:
    """Whether each value is of a pattern that has no newline: in half the time of one by one."""
    every = pa.ListArray.from_arrays(pa.array([0, len(present)], pa.int32()), present)
    joined = pc.binary_join(every, "\n")
    if pc.count_substring(joined, "\n")[0].as_py() != len(present) - 1:
        return False
    return bool(pc.match_substring_regex(joined, f"^{pattern}(?:\n{pattern})*$")[0].as_py())


def _have_length(present: pa.StringArray, length: int) -> bool:
    found = pc.min_max(pc.binary_length(present)).as_py()
    return bool(found["min"] == found["max"] == length)


def _cast_or_none(present: pa.StringArray, type_: pa.DataType) -> pa.Array | None:
    try:
        return pc.cast(present, type_)
    except pa.ArrowInvalid:
        return None


def _within(numbers: pa.Array, low: int, high: int) -> bool:
    return _all(pc.and_(pc.greater_equal(numbers, low), pc.less_equal(numbers, high)))


def _all(mask: pa.Array) -> bool:
    return bool(pc.all(mask, min_count=0).as_py())


_ROWS: Mapping[str, _Row] = MappingProxyType(
    {
        BOOL: _Row(re.compile("[tTfF]"), _is_bool),
        INT64: _Row(re.compile("-?[0-9]+"), _is_int64),
        DOUBLE: _Row(re.compile(_DOUBLE + "$"), _is_double),
        DATE: _Row(re.compile("[0-9]{4}-"), _is_date),
        TIMESTAMP: _Row(re.compile(_INSTANT + "$"), _is_timestamp),
        ZONED: _Row(re.compile(_INSTANT + _ZONE + "$"), _is_zoned),
    }
)
