"""Fitting: which single values of a text column are of a type, where the column as a whole is not.

Pure. The table of types answers for whole columns at memory speed and cannot say which value it
was; this module says it for every value, and is used only once a column is known to hold a misfit.
The tests hold both to one slow reading of the contract's table.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.formats.types.exact_doubles import NEGATIVE_ZERO, NUMBER, exact
from lakehouse.formats.types.names import BOOL, DATE, DOUBLE, INT64, STRING, TIMESTAMP, ZONED
from lakehouse.formats.types.stored import read_texts
from lakehouse.formats.types.table import classify

_BOOLS = ("true", "false", "TRUE", "FALSE", "True", "False")
_INT64 = r"^(?:0|-?[1-9][0-9]{0,18})$"
_MOST, _LEAST = "9223372036854775807", "9223372036854775808"
_DATE = r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_TIME = r"[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
_ZONE = r"(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])"
_OUTER_DAYS = r"^(?:0001-01-01|9999-12-31)"
_SOME_DAY = "2000-01-01"
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def fit_mask(values: pa.StringArray, name: str) -> pa.BooleanArray:
    """Whether each value is of the type `name`, which is any flat type; a null is of every type."""
    if name == STRING:
        return pa.repeat(pa.scalar(True), len(values))
    judge = _JUDGES.get(name)
    if judge is None:
        return pa.array(_fits(values, name), pa.bool_())
    return pc.if_else(pc.is_null(values), True, judge(values))


def all_fit(values: pa.StringArray, name: str) -> bool:
    """Whether every value is of the type `name`."""
    if name == STRING:
        return True
    if name not in _JUDGES:
        return read_texts(values, name) is not None
    return classify(values, (name, STRING)).types[0] == name


def first_misfit(values: pa.StringArray, name: str) -> int:
    """Index of the first value that is not of the type `name`; one there must be."""
    start, stop = 0, len(values)
    while stop - start > 1:
        middle = (start + stop) // 2
        if all_fit(values.slice(start, middle - start), name):
            start = middle
        else:
            stop = middle
    return start


def _fits(values: pa.StringArray, name: str) -> list[bool]:
    """As fit_mask, by halves: quick where few values are of another type."""
    if read_texts(values, name) is not None:
        return [True] * len(values)
    if len(values) == 1:
        return [False]
    middle = len(values) // 2
    return _fits(values.slice(0, middle), name) + _fits(values.slice(middle), name)


def _bools(values: pa.StringArray) -> pa.BooleanArray:
    return pc.is_in(values, value_set=pa.array(_BOOLS))


def _integers(values: pa.StringArray) -> pa.BooleanArray:
    digits = pc.utf8_ltrim(values, "-")
    most = pc.if_else(pc.starts_with(values, "-"), _LEAST, _MOST)
    # Digits of one length are in order as text.
    within = pc.or_(pc.less(pc.binary_length(digits), len(_MOST)), pc.less_equal(digits, most))
    return pc.and_(pc.match_substring_regex(values, _INT64), within)


def _doubles(values: pa.StringArray) -> pa.BooleanArray:
    shaped = pc.and_(
        pc.match_substring_regex(values, f"^{NUMBER}$"), pc.not_equal(values, NEGATIVE_ZERO)
    )
    texts = pc.if_else(shaped, values, "0")
    return pc.and_(shaped, exact(texts, pc.cast(texts, pa.float64())))


def _dates(values: pa.StringArray) -> pa.BooleanArray:
    return pc.and_(pc.match_substring_regex(values, _DATE + "$"), _real_days(values))


def _instants(values: pa.StringArray) -> pa.BooleanArray:
    return pc.and_(pc.match_substring_regex(values, _DATE + _TIME + "$"), _real_days(values))


def _zoned(values: pa.StringArray) -> pa.BooleanArray:
    shaped = pc.match_substring_regex(values, _DATE + _TIME + _ZONE + "$")
    outer = pc.and_(shaped, pc.match_substring_regex(values, _OUTER_DAYS))
    # An offset can carry the first and the last day of all out of the years; few values can.
    beyond = [
        place
        for place in pc.indices_nonzero(pc.fill_null(outer, False)).to_pylist()
        if not all_fit(values.slice(place, 1), ZONED)
    ]
    inside = pc.invert(pc.is_in(pa.array(range(len(values))), value_set=pa.array(beyond, "int64")))
    return pc.and_(pc.and_(shaped, _real_days(values)), inside)


def _real_days(values: pa.StringArray) -> pa.BooleanArray:
    """Whether the date in front is one of the calendar; only for values of that shape."""
    shaped = pc.match_substring_regex(values, _DATE)
    days = pc.if_else(shaped, values, _SOME_DAY)
    year, month, day = (_number(days, *place) for place in ((0, 4), (5, 7), (8, 10)))
    leap = _divides(year, 4, but=_divides(year, 100, but=_divides(year, 400)))
    last_days = pc.take(pa.array(_MONTH_DAYS, pa.int32()), pc.subtract(month, 1))
    in_month = pc.less_equal(day, last_days)
    late_february = pc.and_(pc.equal(month, 2), pc.equal(day, 29))
    real = pc.and_(in_month, pc.or_(leap, pc.invert(late_february)))
    return pc.and_(real, pc.greater_equal(year, 1))


def _number(texts: pa.StringArray, start: int, stop: int) -> pa.Array:
    return pc.cast(pc.utf8_slice_codeunits(texts, start, stop), pa.int32())


def _divides(numbers: pa.Array, by: int, *, but: pa.BooleanArray | None = None) -> pa.BooleanArray:
    even = pc.equal(pc.multiply(pc.divide(numbers, by), by), numbers)
    return even if but is None else pc.and_not(even, but)


_JUDGES: Mapping[str, Callable[[pa.StringArray], pa.BooleanArray]] = MappingProxyType(
    {
        BOOL: _bools,
        INT64: _integers,
        DOUBLE: _doubles,
        DATE: _dates,
        TIMESTAMP: _instants,
        ZONED: _zoned,
    }
)
