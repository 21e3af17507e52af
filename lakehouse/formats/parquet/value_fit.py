"""Fitting Parquet values: whether values of one type are, exactly, values of another. Pure.

Reading them as the other type must lose nothing: neither digits, nor a part of a second, nor how a
number prints. A double is no integer, whatever its value.
"""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

_EXACT_DIGITS = 15
"""Decimals of so many digits are the shortest decimals of their doubles."""


def may_fit(stored: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether some values of the flat type `stored` fit `wanted`; which ones, `fits` says."""
    if stored == wanted or pa.types.is_null(stored):
        return True
    if pa.types.is_decimal(stored) and pa.types.is_floating(wanted):
        return bool(pa.types.is_float64(wanted) and stored.precision <= _EXACT_DIGITS)
    if pa.types.is_timestamp(stored) and pa.types.is_timestamp(wanted):
        return (stored.tz is None) == (wanted.tz is None)
    return any(of(stored) and to(wanted) for of, to in _CONVERSIONS)


def fits(values: pa.Array, wanted: pa.DataType) -> bool:
    """Whether these values, of a type that may fit, are all exactly values of `wanted`."""
    if pa.types.is_float16(values.type):
        # Arrow compares no half floats; a float holds each of them.
        values = values.cast(pa.float32())
    try:
        cast = cast_exactly(values, wanted)
    except pa.ArrowInvalid:
        return False
    if pa.types.is_floating(values.type) and cast.type != values.type:
        same = pc.or_(pc.equal(pc.cast(cast, values.type), values), pc.is_nan(values))
        return bool(same.false_count == 0)
    return True


def cast_exactly(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Values that fit `wanted` as that type. Raises pa.ArrowInvalid where that would lose something."""
    return pc.cast(_as_decimals(values, wanted), wanted)


def _as_decimals(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Integers that are to become decimals as decimals: Arrow judges integers by their type alone."""
    if pa.types.is_integer(values.type) and pa.types.is_decimal(wanted):
        return pc.cast(values, pa.decimal128(20, 0))
    return values


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_))


def _is_time(type_: pa.DataType) -> bool:
    return bool(pa.types.is_time(type_))


_Predicate = Callable[[pa.DataType], bool]
_CONVERSIONS: tuple[tuple[_Predicate, _Predicate], ...] = (
    (pa.types.is_integer, _is_number),
    (pa.types.is_integer, pa.types.is_decimal),
    (pa.types.is_floating, pa.types.is_floating),
    (pa.types.is_decimal, pa.types.is_decimal),
    (pa.types.is_decimal, pa.types.is_integer),
    (pa.types.is_date, pa.types.is_date),
    (_is_time, _is_time),
)
