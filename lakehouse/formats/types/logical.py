"""Logical types: what a column's type means, whichever program wrote it. Pure.

`string`, `large_string`, `string_view` and dictionaries of them are one type, and so on. The name
of a logical type is Arrow's name of the plainest type with that meaning.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import pyarrow as pa

from lakehouse.formats.types.names import BOOL, DATE, DOUBLE, INT64, STRING, TIMESTAMP, ZONED

_SCALARS: Mapping[str, pa.DataType] = MappingProxyType(
    {
        str(type_): type_
        for type_ in (
            *(pa.null(), pa.bool_(), pa.string(), pa.binary(), pa.date32(), pa.date64()),
            *(pa.int8(), pa.int16(), pa.int32(), pa.int64()),
            *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
            *(pa.float16(), pa.float32(), pa.float64()),
            *(pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")),
        )
    }
    | {"large_string": pa.string(), "string_view": pa.string()}
    | {"large_binary": pa.binary(), "binary_view": pa.binary()}
)
_TIMESTAMP = re.compile(r"timestamp\[(s|ms|us|ns)(?:, tz=(.+))?\]")
_DECIMAL = re.compile(r"decimal(32|64|128|256)\((\d+), (-?\d+)\)")
_DECIMALS = {"32": pa.decimal32, "64": pa.decimal64, "128": pa.decimal128, "256": pa.decimal256}


def logical_type(type_: pa.DataType) -> pa.DataType:
    """The plainest type of the same meaning, at any depth."""
    if isinstance(type_, pa.BaseExtensionType):
        return logical_type(type_.storage_type)
    if pa.types.is_dictionary(type_) or pa.types.is_run_end_encoded(type_):
        return logical_type(type_.value_type)
    if pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return pa.string()
    if pa.types.is_large_binary(type_) or pa.types.is_binary_view(type_):
        return pa.binary()
    return _logical_nested(type_)


def _logical_nested(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_map(type_):
        return pa.map_(logical_type(type_.key_type), logical_type(type_.item_type))
    if pa.types.is_fixed_size_list(type_):
        return pa.list_(_element(type_), type_.list_size)
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return pa.list_(_element(type_))
    if pa.types.is_struct(type_):
        fields = [type_.field(place) for place in range(type_.num_fields)]
        return pa.struct([(each.name, logical_type(each.type)) for each in fields])
    return type_


def _element(type_: pa.DataType) -> pa.Field:
    # Arrow and Parquet name the field of a list's elements differently.
    return pa.field("element", logical_type(type_.value_type))


@lru_cache(1024)
def arrow_type(name: str) -> pa.DataType | None:
    """The flat type that a dataset's column of this type name has; None for any other name."""
    if (scalar := _SCALARS.get(name)) is not None:
        return scalar
    if found := _TIMESTAMP.fullmatch(name):
        return pa.timestamp(found[1], tz=found[2])
    if found := _DECIMAL.fullmatch(name):
        return _DECIMALS[found[1]](int(found[2]), int(found[3]))
    return None


def same_logical_type(one: str, other: str) -> bool:
    """Whether two type names mean the same."""
    return one == other or (arrow_type(one) is not None and arrow_type(one) == arrow_type(other))


def text_type(type_: pa.DataType | None) -> str | None:
    """The row of the table of types that texts of this type's values have; None where none does."""
    if type_ is None:
        return None
    for is_kind, name in _TEXT_TYPES:
        if is_kind(type_):
            return name
    if pa.types.is_timestamp(type_):
        return ZONED if type_.tz else TIMESTAMP
    return None


_TEXT_TYPES = (
    (pa.types.is_boolean, BOOL),
    (pa.types.is_integer, INT64),
    (pa.types.is_floating, DOUBLE),
    (pa.types.is_decimal, DOUBLE),
    (pa.types.is_date, DATE),
    (pa.types.is_string, STRING),
)
