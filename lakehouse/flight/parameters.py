"""Parameters of a statement: one row of Arrow, as the values that the use case takes. Pure.

Every type that DuckDB can cast from a text is bound with its own type, so that a value means the same
as in SQL. Must never bind a value approximately: what has no exact text is refused.
"""

import base64
import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from lakehouse.domain.counts import counted
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.parameters import Params

_SIMPLE = {
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT",
    pa.uint16(): "USMALLINT",
    pa.uint32(): "UINTEGER",
    pa.uint64(): "UBIGINT",
    pa.float16(): "FLOAT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
    pa.date64(): "DATE",
    pa.time32("s"): "TIME",
    pa.time32("ms"): "TIME",
    pa.time64("us"): "TIME",
    pa.time64("ns"): "TIME_NS",
    pa.string(): "VARCHAR",
    pa.large_string(): "VARCHAR",
    pa.string_view(): "VARCHAR",
    pa.month_day_nano_interval(): "INTERVAL",
}
_TIMESTAMPS = {"s": "TIMESTAMP_S", "ms": "TIMESTAMP_MS", "us": "TIMESTAMP", "ns": "TIMESTAMP_NS"}
_NS_PER_UNIT = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_DECIMAL_DIGITS = 38


def bound(row: pa.RecordBatch, names: Sequence[str]) -> Params:
    """The values of one row for a statement with parameters of these names.

    Numbered parameters take the columns in their order; named ones the columns of their names, or in
    alphabetical order where no column has such a name. Raises RefusedError `invalid_request`.
    """
    if row.num_columns != len(names):
        detail = f"bound: {counted(row.num_columns, 'parameter')}; the statement has {len(names):,}"
        raise _refused(detail)
    columns = dict(zip(row.schema.names, row.columns, strict=True))
    if not names or names[0].isdecimal():
        return [_value(column[0]) for column in row.columns]
    if columns.keys() == set(names):
        return {name: _value(columns[name][0]) for name in names}
    return {name: _value(column[0]) for name, column in zip(names, row.columns, strict=True)}


def _value(scalar: pa.Scalar) -> Any:
    """A parameter: a plain value where JSON has its exact type, else its type and text."""
    scalar = _stored(scalar)
    if not scalar.is_valid:
        return None
    kind = scalar.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view():
        return scalar.as_py()
    if pa.types.is_boolean(kind):
        return scalar.as_py()
    if _is_binary(kind):
        return {"$type": "BLOB", "value": base64.b64encode(scalar.as_py()).decode()}
    return {"$type": _type_of(kind), "value": _text(scalar)}


def _stored(scalar: pa.Scalar) -> pa.Scalar:
    """A value of a dictionary, a union or an extension as what it stands for."""
    kind = scalar.type
    if pa.types.is_dictionary(kind):
        return _stored(scalar.value) if scalar.is_valid else pa.scalar(None)
    if pa.types.is_union(kind):
        return _stored(scalar.value)
    if isinstance(kind, pa.BaseExtensionType) and kind.extension_name != "arrow.uuid":
        return _stored(scalar.value)
    return scalar


def _is_binary(kind: pa.DataType) -> bool:
    matches = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    return any(each(kind) for each in matches) or bool(kind == pa.binary_view())


def _type_of(kind: pa.DataType) -> str:
    """The name of the DuckDB type. Raises RefusedError for a type that has none."""
    if (simple := _SIMPLE.get(kind)) is not None:
        return simple
    if isinstance(kind, pa.BaseExtensionType) and kind.extension_name == "arrow.uuid":
        return "UUID"
    if pa.types.is_null(kind):
        return '"NULL"'
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ" if kind.tz is not None else _TIMESTAMPS[kind.unit]
    if pa.types.is_duration(kind):
        return "INTERVAL"
    if pa.types.is_decimal(kind) and kind.precision <= _DECIMAL_DIGITS and kind.scale >= 0:
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if pa.types.is_dictionary(kind):
        return _type_of(kind.value_type)
    if _is_binary(kind):
        return "BLOB"
    return _nested_type(kind)


def _nested_type(kind: pa.DataType) -> str:
    if pa.types.is_map(kind):
        return f"MAP({_type_of(kind.key_type)}, {_type_of(kind.item_type)})"
    if pa.types.is_fixed_size_list(kind):
        return f"{_type_of(kind.value_type)}[{kind.list_size}]"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"{_type_of(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return (
            f"STRUCT({', '.join(f'{_quoted(each.name)} {_type_of(each.type)}' for each in kind)})"
        )
    raise _refused(f"a parameter cannot have the Arrow type {kind}")


def _text(scalar: pa.Scalar) -> str:
    """The text that DuckDB casts to exactly this value."""
    kind = scalar.type
    if pa.types.is_nested(kind):
        return _nested_text(scalar)
    if _is_binary(kind):
        return "".join(f"\\x{byte:02X}" for byte in scalar.as_py())
    if pa.types.is_floating(kind):
        value = float(scalar.as_py())
        return repr(value) if math.isfinite(value) else str(value)
    if pa.types.is_duration(kind):
        return _microseconds(scalar.value * _NS_PER_UNIT[kind.unit])
    if pa.types.is_interval(kind):
        value = scalar.as_py()
        return f"{value.months} months {value.days} days {_microseconds(value.nanoseconds)}"
    if isinstance(kind, pa.BaseExtensionType):
        return str(scalar.as_py())
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return _utc(scalar)
    return str(scalar.cast(pa.string()).as_py())


def _utc(scalar: pa.Scalar) -> str:
    """A moment in UTC. DuckDB's TIMESTAMPTZ has microseconds."""
    if scalar.type.unit == "ns" and scalar.value % 1_000:
        raise _refused("a timestamp with a time zone has nanoseconds; DuckDB has microseconds")
    plain = pa.scalar(scalar.value, pa.timestamp(scalar.type.unit))
    return f"{plain.cast(pa.string()).as_py()}+00"


def _microseconds(nanoseconds: int) -> str:
    if nanoseconds % 1_000:
        raise _refused("an interval has nanoseconds; DuckDB has microseconds")
    return f"{nanoseconds // 1_000} microseconds"


def _nested_text(scalar: pa.Scalar) -> str:
    kind = scalar.type
    if pa.types.is_struct(kind):
        parts = (f"{_literal(kind[n].name)}: {_part(scalar[n])}" for n in range(kind.num_fields))
        return f"{{{', '.join(parts)}}}"
    if pa.types.is_map(kind):
        entries = (scalar.values[n] for n in range(len(scalar.values)))
        parts = (f"{_part(entry[0])}={_part(entry[1])}" for entry in entries)
        return f"{{{', '.join(parts)}}}"
    return f"[{', '.join(_part(scalar.values[n]) for n in range(len(scalar.values)))}]"


def _part(scalar: pa.Scalar) -> str:
    scalar = _stored(scalar)
    if not scalar.is_valid:
        return "NULL"
    text = _text(scalar)
    return text if pa.types.is_nested(scalar.type) else _literal(text)


def _literal(text: str) -> str:
    """A text within a nested value; DuckDB takes back what is after a backslash."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _refused(detail: str) -> RefusedError:
    return RefusedError(Refused("invalid_request", f"params: {detail}"))
