"""Query strings and headers as the structs of `api` that describe them. Pure.

The one place that reads them: name, type, default and bounds are the struct's. A text field that is
required and absent is read as empty; its use case refuses it.
"""

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import inspect
from multidict import CIMultiDictProxy

from lakehouse.api.fields import MAX_INTEGER
from lakehouse.domain.errors import Refused, RefusedError

T = TypeVar("T", bound=msgspec.Struct)
Reader = Callable[[str, str], Any]
"""Takes what is named in errors and the text; returns the value."""

_INTEGER = re.compile(r"[0-9]{1,16}")
_SHOWN_CHARACTERS = 64
_SHOWN_NAMES = 10


class _Field(msgspec.Struct, frozen=True):
    """A field: its name in the struct and as sent, and how its text is read."""

    name: str
    sent: str
    read: Reader
    repeated: bool
    required: bool


def query_of(shape: type[T], pairs: Sequence[tuple[str, str]]) -> T:
    """The parameters of a query string; others are ignored. Raises RefusedError `invalid_request`."""
    given: dict[str, list[str]] = {}
    for name, text in pairs:
        given.setdefault(name, []).append(text)
    return _read(shape, "the parameter", lambda name: given.get(name, []))


def headers_of(shape: type[T], headers: CIMultiDictProxy[str]) -> T:
    """The headers of a request, in any case. Raises RefusedError `invalid_request`."""
    return _read(shape, "the header", lambda name: headers.getall(name, []))


def _read(shape: type[T], what: str, given: Callable[[str], list[str]]) -> T:
    found = {
        field.name: _value(field, texts, what)
        for field in _fields(shape)
        if (texts := given(field.sent)) or field.required
    }
    return shape(**found)


def _value(field: _Field, texts: list[str], what: str) -> Any:
    if field.repeated:
        return [field.read(field.sent, text) for text in texts]
    if len(texts) > 1:
        raise _invalid(f"{what} {field.sent} is given {len(texts)} times; give it once")
    return field.read(field.sent, texts[0] if texts else "")


@functools.cache
def _fields(shape: type[msgspec.Struct]) -> tuple[_Field, ...]:
    described = inspect.type_info(shape)
    if not isinstance(described, inspect.StructType):
        raise TypeError(f"{shape.__name__} is not a struct")
    return tuple(_field(each) for each in described.fields)


def _field(field: inspect.Field) -> _Field:
    kind = _plain(field.type)
    repeated = isinstance(kind, inspect.ListType)
    item = _plain(kind.item_type) if isinstance(kind, inspect.ListType) else kind
    return _Field(
        field.name,
        field.encode_name,
        _reader(item),
        repeated,
        field.required,
    )


def _plain(kind: inspect.Type) -> inspect.Type:
    """The type without its description, and without null."""
    if isinstance(kind, inspect.Metadata):
        return _plain(kind.type)
    if isinstance(kind, inspect.UnionType):
        (one,) = (each for each in kind.types if not isinstance(each, inspect.NoneType))
        return _plain(one)
    return kind


def _reader(kind: inspect.Type) -> Reader:
    match kind:
        case inspect.StrType():
            return lambda _name, text: text
        case inspect.BoolType():
            return _flag
        case inspect.IntType(ge=low, le=high):
            bounds = range(low or 0, (MAX_INTEGER if high is None else high) + 1)
            return functools.partial(_integer, bounds)
        case inspect.LiteralType(values=values):
            return functools.partial(_choice, [str(value) for value in values])
    raise TypeError(f"a parameter cannot be of type {kind}")


def _flag(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise _invalid(f"{name} must be true or false")
    return text == "true"


def _integer(bounds: range, name: str, text: str) -> int:
    if not _INTEGER.fullmatch(text) or int(text) not in bounds:
        raise _invalid(f"{name} must be a whole number from {bounds[0]:,} to {bounds[-1]:,}")
    return int(text)


def _choice(offered: list[str], name: str, text: str) -> str:
    if text not in offered:
        shown = text[:_SHOWN_CHARACTERS]
        raise _invalid(f"{name} must be {' or '.join(offered)}, not {shown!r}")
    return text


def refuse_unknown(shape: type[msgspec.Struct], names: Iterable[str]) -> None:
    """Raises RefusedError `invalid_request` for a parameter that the struct does not have."""
    known = [field.sent for field in _fields(shape)]
    unknown = sorted({*names} - {*known})
    if unknown:
        shown = ", ".join(name[:_SHOWN_CHARACTERS] for name in unknown[:_SHOWN_NAMES])
        offered = f"known are {', '.join(sorted(known))}" if known else "the route has none"
        raise _invalid(f"unknown parameter: {shown}; {offered}")


def _invalid(detail: str) -> RefusedError:
    return RefusedError(Refused("invalid_request", detail))
