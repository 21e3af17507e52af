"""Portable types: what other engines read as this lakehouse does. Pure.

Unsigned integers become signed ones of the next size. Nanoseconds become microseconds where no
value loses a digit, which the values say. Must never name a type that cannot hold every value.
"""

import pyarrow as pa

from lakehouse.formats.types.logical import logical_type

_SIGNED = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
}


def signed_type(type_: pa.DataType) -> pa.DataType:
    """The logical type with signed integers instead of unsigned ones, at any depth."""
    plain = logical_type(type_)
    if (signed := _SIGNED.get(plain)) is not None:
        return signed
    if pa.types.is_map(plain):
        return pa.map_(signed_type(plain.key_type), signed_type(plain.item_type))
    if pa.types.is_fixed_size_list(plain):
        return pa.list_(pa.field("element", signed_type(plain.value_type)), plain.list_size)
    if pa.types.is_list(plain):
        return pa.list_(pa.field("element", signed_type(plain.value_type)))
    if pa.types.is_struct(plain):
        fields = [plain.field(place) for place in range(plain.num_fields)]
        return pa.struct([(each.name, signed_type(each.type)) for each in fields])
    return plain


def coarser_type(type_: pa.DataType) -> pa.DataType | None:
    """The type in microseconds of a column in nanoseconds; None for any other type."""
    if pa.types.is_timestamp(type_) and type_.unit == "ns":
        return pa.timestamp("us", type_.tz)
    if pa.types.is_time64(type_) and type_.unit == "ns":
        return pa.time64("us")
    return None
