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
