"""Rows in one form, whichever engine read them. Imports Arrow alone: it runs in every environment."""

import datetime as dt
import json
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa


def rows(table: pa.Table) -> list[str]:
    """The rows as sorted JSON lines, columns by their place."""
    columns = [column.to_pylist() for column in table.columns]
    return sorted(
        json.dumps([_value(value) for value in row]) for row in zip(*columns, strict=True)
    )


def columns(table: pa.Table) -> list[str]:
    """The columns, each as its name and its type as Iceberg calls it; units and views aside."""
    return [f"{field.name}: {_kind(field.type)}" for field in table.schema]


def _kind(kind: pa.DataType) -> str:
    tests = pa.types
    if tests.is_struct(kind):
        return f"struct<{', '.join(f'{each.name}: {_kind(each.type)}' for each in kind)}>"
    if tests.is_map(kind):
        return f"map<{_kind(kind.key_type)}, {_kind(kind.item_type)}>"
    if tests.is_list(kind) or tests.is_large_list(kind):
        return f"list<{_kind(kind.value_type)}>"
    if tests.is_dictionary(kind):
        return _kind(kind.value_type)
    if tests.is_timestamp(kind):
        return "timestamptz" if kind.tz else "timestamp"
    for name, test in _KINDS.items():
        if test(kind):
            return name
    return str(kind).replace("decimal128", "decimal")


_KINDS = {
    "boolean": pa.types.is_boolean,
    "int": lambda kind: kind in (pa.int8(), pa.int16(), pa.int32(), pa.uint8(), pa.uint16()),
    "long": pa.types.is_int64,
    "float": pa.types.is_float32,
    "string": lambda kind: kind in (pa.string(), pa.large_string(), pa.string_view()),
    "binary": lambda kind: kind in (pa.binary(), pa.large_binary(), pa.binary_view()),
    "date": pa.types.is_date,
    "time": pa.types.is_time,
}


def _value(value: Any) -> Any:
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case Decimal():
            return f"decimal {value.normalize():f}"
        case dt.datetime():
            zoned = value.astimezone(dt.UTC) if value.tzinfo else value
            return (
                f"{'instant' if value.tzinfo else 'time'} {zoned.replace(tzinfo=None).isoformat()}"
            )
        case dt.date() | dt.time():
            return value.isoformat()
        case bytes():
            return f"bytes {value.hex()}"
        case dict():
            return {name: _value(each) for name, each in sorted(value.items())}
        case list() | tuple():
            return [_value(each) for each in value]
    return value
