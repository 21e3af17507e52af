"""Values of a statement's parameters, as DuckDB takes them."""

import base64
from typing import Any

import duckdb
import msgspec

from lakehouse.query.parameters import is_blob

_INT64 = range(-(2**63), 2**63)
_HUGEINT = range(-(2**127), 2**127)


def values(cursor: duckdb.DuckDBPyConnection, params_json: bytes | None) -> Any:
    """The list or dict for DuckDB. Raises duckdb.Error where a type or a value of it is none."""
    if params_json is None:
        return None
    params = msgspec.json.decode(params_json)
    if isinstance(params, dict):
        return {name: _value(cursor, value) for name, value in params.items()}
    return [_value(cursor, value) for value in params]


def _value(cursor: duckdb.DuckDBPyConnection, value: Any) -> Any:
    if isinstance(value, dict):
        return _typed(cursor, value["$type"], value["value"])
    if isinstance(value, list):
        return duckdb.Value([float(each) for each in value], cursor.type("DOUBLE[]"))
    # DuckDB reads an int beyond 64 bits as a DOUBLE unless its type is given.
    if type(value) is not int or value in _INT64:
        return value
    kind = duckdb.sqltypes.HUGEINT if value in _HUGEINT else duckdb.sqltypes.UHUGEINT
    return duckdb.Value(str(value), kind)


def _typed(cursor: duckdb.DuckDBPyConnection, kind: str, value: str | float | bool | None) -> Any:
    """DuckDB casts the value's text, as `CAST('…' AS kind)` would."""
    if value is None:
        return None
    if is_blob(kind):
        return base64.b64decode(str(value))
    return duckdb.Value(str(value), cursor.type(kind))
