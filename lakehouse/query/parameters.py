"""The parameters of a statement, checked before a worker gets them. Pure.

A value that JSON cannot carry is `{"$type": <name of a DuckDB type>, "value": …}`; blobs are base64. Must
never judge a value by its type: DuckDB casts it, in the worker.
"""

import base64
import binascii
from typing import Any

import msgspec

from lakehouse.api.vectors import MOST_NUMBERS
from lakehouse.domain.errors import Refused, RefusedError

Params = list[Any] | dict[str, Any]

MOST_PARAMETERS = 10_000
"""Each costs the worker a value and the statement a place; real statements have a few."""

BLOB = "BLOB"
_EXACT_INTEGER = 2**53
_LONGEST_TYPE = 1024
_INTEGERS = range(-(2**127), 2**128)
_MEMBERS = frozenset({"$type", "value"})


def encoded(params: Params | None) -> bytes | None:
    """Parameters as JSON, since MessagePack's integers end at 64 bits. Raises RefusedError."""
    if params is None:
        return None
    if len(params) > MOST_PARAMETERS:
        detail = f"{len(params):,} parameters; at most {MOST_PARAMETERS:,} are allowed"
        raise _refused(detail)
    for value in params.values() if isinstance(params, dict) else params:
        _check(value)
    return msgspec.json.encode(params)


def _check(value: Any) -> None:
    if isinstance(value, dict):
        _check_typed(value)
    elif isinstance(value, list):
        _check_numbers(value)
    elif type(value) is int and value not in _INTEGERS:
        raise _refused(f"{value} exceeds 128 bits")


_EXAMPLE = '{"$type": "INTEGER[]", "value": "[1, 2]"}'


def _check_numbers(value: list[Any]) -> None:
    """A list without a type is a DOUBLE[]: each number in it must be a double as it is."""
    if len(value) > MOST_NUMBERS:
        raise _refused(f"a list of {len(value):,} numbers; at most {MOST_NUMBERS:,} are allowed")
    if any(type(each) not in (int, float) or _is_inexact(each) for each in value):
        raise _refused("a list that is no list of doubles needs its type: " + _EXAMPLE)


def _is_inexact(number: float) -> bool:
    return type(number) is int and abs(number) > _EXACT_INTEGER


def _check_typed(value: dict[str, Any]) -> None:
    if value.keys() != _MEMBERS:
        raise _refused("an object needs the members $type and value, and no other: " + _EXAMPLE)
    kind, content = value["$type"], value["value"]
    if not isinstance(kind, str) or len(kind) > _LONGEST_TYPE:
        raise _refused("$type is the name of a DuckDB type, of at most 1,024 characters")
    if isinstance(content, dict | list):
        raise _refused("value is a text, a number, true, false or null: " + _EXAMPLE)
    if is_blob(kind) and content is not None:
        try:
            base64.b64decode(content, validate=True)
        except (TypeError, ValueError, binascii.Error) as error:
            raise _refused("the value of a BLOB is base64") from error


def is_blob(kind: str) -> bool:
    """Whether the type named is the one whose value is base64."""
    return kind.strip().upper() == BLOB


def _refused(detail: str) -> RefusedError:
    return RefusedError(Refused("invalid_request", f"params: {detail}"))
