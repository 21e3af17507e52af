"""Values of Python as parameters of SQL and of routes. Pure.

What JSON cannot carry goes as `{"$type": <DuckDB type>, "value": <text>}`.
"""

import base64
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

Params = Sequence[Any] | Mapping[str, Any]
AsOf = int | str | datetime
"""A moment: the number of an event, an RFC 3339 time, or a datetime with a zone."""

_WIDEST = 38


def encoded(params: Params | None) -> list[Any] | dict[str, Any] | None:
    """Parameters as the body of `POST /v1/sql` has them. Raises TypeError, ValueError."""
    if params is None:
        return None
    if isinstance(params, str | bytes):
        raise TypeError("params: a list, a tuple or a dict is needed")
    if isinstance(params, Mapping):
        return {str(name): _value(value) for name, value in params.items()}
    return [_value(value) for value in params]


def moment(as_of: AsOf | None) -> int | str | None:
    """`as_of` as routes take it. Raises TypeError, and ValueError for a time without a zone."""
    if as_of is None or isinstance(as_of, str):
        return as_of
    if isinstance(as_of, datetime):
        if as_of.tzinfo is None:
            raise ValueError("as_of: a time without a zone is ambiguous; give it one")
        return as_of.isoformat()
    if isinstance(as_of, bool) or not isinstance(as_of, int):
        raise TypeError(f"as_of: {type(as_of).__name__} is no event number and no time")
    return as_of


def _value(value: Any) -> Any:
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _typed("DOUBLE", str(value))
    if isinstance(value, dict):
        return value  # typed by the caller; the server checks its members
    if known := _typed_by_class(value):
        return known
    if getattr(value, "ndim", 0) == 1:  # an array of numpy
        value = value.tolist()
    if isinstance(value, list | tuple) and all(_is_number(each) for each in value):
        return list(value)
    if hasattr(value, "item"):  # a scalar of numpy
        return _value(value.item())
    kind = type(value).__name__
    raise TypeError(
        f'params: {kind} is no parameter; name its type: {{"$type": "INTEGER[]", "value": "[1, 2]"}}'
    )


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _typed_by_class(value: Any) -> dict[str, str] | None:
    match value:
        case datetime():
            kind = "TIMESTAMP" if value.tzinfo is None else "TIMESTAMPTZ"
            return _typed(kind, value.isoformat())
        case date():
            return _typed("DATE", value.isoformat())
        case time():
            return _typed("TIME" if value.tzinfo is None else "TIMETZ", value.isoformat())
        case timedelta():
            microseconds = value // timedelta(microseconds=1)
            return _typed("INTERVAL", f"{microseconds} microseconds")
        case Decimal():
            return _decimal(value)
        case UUID():
            return _typed("UUID", str(value))
        case bytes() | bytearray() | memoryview():
            return _typed("BLOB", base64.b64encode(value).decode())
    return None


def _decimal(value: Decimal) -> dict[str, str]:
    if not value.is_finite():
        raise ValueError(f"params: {value} is no DECIMAL")
    _, digits, exponent = value.as_tuple()
    scale = max(-int(exponent), 0)
    width = max(len(digits) + max(int(exponent), 0), scale, 1)
    if width > _WIDEST:
        raise ValueError(f"params: {value} has more than 38 digits")
    return _typed(f"DECIMAL({width},{scale})", f"{value:f}")


def _typed(kind: str, value: str) -> dict[str, str]:
    return {"$type": kind, "value": value}
