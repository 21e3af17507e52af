"""The type table: which of the seven types hold for every value of a text column.

Pure: Arrow text in, names of types out. It never samples and never rounds; a value that a type
could not print again as the same number, date or instant is not of that type. Every row of the
table is one predicate here, and a row of its own in the tests' slow reading of the same table.

Negative zero, read literally: only the text `-0` is kept out, since an integer would lose its
sign. `-0.0` and `-0e5` are doubles, and a double keeps the sign.
"""

import datetime
from collections.abc import Callable, Mapping
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

STRING = "string"
_ZONED = pa.timestamp("us", tz="UTC")

# In the order of the table: the first that holds for every value wins.
TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    {
        str(type_): type_
        for type_ in (
            pa.bool_(),
            pa.int64(),
            pa.float64(),
            pa.date32(),
            pa.timestamp("us"),
            _ZONED,
            pa.string(),
        )
    }
)

_BOOLS = ("true", "false", "TRUE", "FALSE", "True", "False")
_DOUBLE = (
    r"^(?:0|-?[1-9][0-9]*"
    r"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+))$"
)
_ZERO = r"^-?[0.]+(?:[eE].*)?$"
_BEYOND_DIGITS = r"^-?[0.]*|[eE].*$|\."
_MAX_DIGITS = 15
_MIN_DOUBLE, _END_DOUBLE = 1e-307, 1e308
_INSTANT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]"
    r"(?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
)
_ZONE = r"(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])"
_FIRST_DAY = datetime.date.min.toordinal() - datetime.date(1970, 1, 1).toordinal()
_LAST_DAY = datetime.date.max.toordinal() - datetime.date(1970, 1, 1).toordinal()
_DAY_US = 86_400_000_000

# Enough to turn most text away before whole columns are matched against it.
_HEAD_ROWS = 32


def surviving(values: pa.StringArray, candidates: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `candidates` whose row of the table holds for every non-null value, in order."""
    present = values.drop_null() if values.null_count else values
    return tuple(name for name in candidates if holds(present, name))


def holds(present: pa.StringArray, name: str) -> bool:
    """Whether each of the values, none of them null, is of the type `name`."""
    predicate = _PREDICATES.get(name)
    if predicate is None:
        return True
    return predicate(present.slice(0, _HEAD_ROWS)) and predicate(present)


def first_misfit(values: pa.StringArray, name: str) -> int:
    """Index of the first value that is not of the type `name`; one there must be."""
    start, stop = 0, len(values)
    while stop - start > 1:
        middle = (start + stop) // 2
        if surviving(values.slice(start, middle - start), (name,)):
            start = middle
        else:
            stop = middle
    return start


def cast(values: pa.Array, name: str) -> pa.Array:
    """Text as the type `name`, which must hold for it; nulls stay null."""
    return values if name == STRING else pc.cast(values, TYPES[name])


def _is_bool(present: pa.StringArray) -> bool:
    return _all(pc.is_in(present, value_set=pa.array(_BOOLS)))


def _is_int64(present: pa.StringArray) -> bool:
    # What prints again as the very same text is canonical and within 64 bits.
    numbers = _cast_or_none(present, pa.int64())
    return numbers is not None and _all(pc.equal(pc.cast(numbers, pa.string()), present))


def _is_double(present: pa.StringArray) -> bool:
    if not _all(pc.match_substring_regex(present, _DOUBLE)):
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
    days = _cast_or_none(present, pa.date32())
    if days is None or not _within(days.cast(pa.int32()), _FIRST_DAY, _LAST_DAY):
        return False
    return _all(pc.equal(pc.cast(days, pa.string()), present))


def _is_timestamp(present: pa.StringArray) -> bool:
    return _is_instant(present, _INSTANT + "$", pa.timestamp("us"))


def _is_zoned(present: pa.StringArray) -> bool:
    return _is_instant(present, _INSTANT + _ZONE + "$", _ZONED)


def _is_instant(present: pa.StringArray, pattern: str, type_: pa.DataType) -> bool:
    if not _all(pc.match_substring_regex(present, pattern)):
        return False
    instants = _cast_or_none(present, type_)
    if instants is None:
        return False
    return _within(instants.cast(pa.int64()), _FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1)


def _cast_or_none(present: pa.StringArray, type_: pa.DataType) -> pa.Array | None:
    try:
        return pc.cast(present, type_)
    except pa.ArrowInvalid:
        return None


def _within(numbers: pa.Array, low: int, high: int) -> bool:
    return _all(pc.and_(pc.greater_equal(numbers, low), pc.less_equal(numbers, high)))


def _all(mask: pa.Array) -> bool:
    return bool(pc.all(mask, min_count=0).as_py())


_PREDICATES: Mapping[str, Callable[[pa.StringArray], bool]] = MappingProxyType(
    dict(
        zip(
            TYPES,
            (_is_bool, _is_int64, _is_double, _is_date, _is_timestamp, _is_zoned),
            strict=False,
        )
    )
)
