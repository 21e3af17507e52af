"""Thrift's compact protocol, as far as a Parquet footer needs it: structs to plain values and back. Pure.

A struct is a dict from field number to (type, value), a list (type of its elements, elements), a map
(types of keys and values, pairs). So fields that are not known here are kept. Source: Thrift's
`doc/specs/thrift-compact-protocol.md`. Must never trust a length: what goes beyond the bytes raises.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from lakehouse.formats.varint import varint, zigzag

TRUE, FALSE, I8, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
Struct: TypeAlias = dict[int, tuple[int, Any]]

_DOUBLE_BYTES = 8
_DEEPEST = 32
_LONGEST_VARINT = 10
_SHORT = 15
"""Lists of fewer elements and steps of at most so many fields take one byte."""


def decoded(body: bytes) -> Struct:
    """The struct that `body` is. Raises ValueError where it is none, or is followed by anything."""
    reader = _Reader(body)
    found: Struct = reader.struct(0)
    if reader.place != len(body):
        raise ValueError("bytes follow the struct")
    return found


def encoded(struct: Struct) -> bytes:
    """The bytes of a struct."""
    out = bytearray()
    _put_struct(out, struct)
    return bytes(out)


class _Reader:
    """Reads one body from front to back."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.place = 0

    def struct(self, depth: int) -> Struct:
        if depth > _DEEPEST:
            raise ValueError("structs are nested too deeply")
        found: Struct = {}
        field = 0
        while header := self._byte():
            type_ = header & 0x0F
            field = field + (header >> 4) if header >> 4 else self._zigzag()
            is_flag = type_ in (TRUE, FALSE)
            found[field] = (type_, type_ == TRUE if is_flag else self._value(type_, depth))
        return found

    def _value(self, type_: int, depth: int) -> Any:
        match type_:
            case 1 | 2:  # in a list or map: a byte of its own
                return self._byte() == TRUE
            case 3:
                return self._taken(1)
            case 4 | 5 | 6:
                return self._zigzag()
            case 7:
                return self._taken(_DOUBLE_BYTES)
            case 8:
                return self._taken(self._varint())
            case 9 | 10:
                return self._list(depth + 1)
            case 11:
                return self._map(depth + 1)
            case 12:
                return self.struct(depth + 1)
        raise ValueError(f"Thrift has no type {type_}")

    def _list(self, depth: int) -> tuple[int, list[Any]]:
        header = self._byte()
        count, type_ = header >> 4, header & 0x0F
        count = self._varint() if count == _SHORT else count
        return type_, [self._value(type_, depth) for _ in range(self._counted(count))]

    def _map(self, depth: int) -> tuple[int, int, list[tuple[Any, Any]]]:
        count = self._counted(self._varint())
        if not count:
            return 0, 0, []
        types = self._byte()
        key, value = types >> 4, types & 0x0F
        pairs = [(self._value(key, depth), self._value(value, depth)) for _ in range(count)]
        return key, value, pairs

    def _counted(self, count: int) -> int:
        """A number of elements, each of which takes a byte at least."""
        if count > len(self._body) - self.place:
            raise ValueError("there are fewer elements than it says")
        return count

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _varint(self) -> int:
        value = 0
        for place in range(_LONGEST_VARINT):
            byte = self._byte()
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value
        raise ValueError("a number is too long")

    def _byte(self) -> int:
        return self._taken(1)[0]

    def _taken(self, count: int) -> bytes:
        stop = self.place + count
        if stop > len(self._body):
            raise ValueError("it ends too early")
        piece = self._body[self.place : stop]
        self.place = stop
        return piece


def _put_struct(out: bytearray, struct: Struct) -> None:
    last = 0
    for field in sorted(struct):
        type_, value = struct[field]
        if type_ in (TRUE, FALSE):
            type_ = TRUE if value else FALSE
        if 0 < field - last <= _SHORT:
            out.append((field - last) << 4 | type_)
        else:
            out.append(type_)
            _put_number(out, field)
        if type_ not in (TRUE, FALSE):
            _put_value(out, type_, value)
        last = field
    out.append(0)


def _put_value(out: bytearray, type_: int, value: Any) -> None:
    put: dict[int, Callable[[bytearray, Any], None]] = {
        **dict.fromkeys((TRUE, FALSE), _put_flag),
        **dict.fromkeys((I8, DOUBLE), bytearray.extend),
        **dict.fromkeys((I16, I32, I64), _put_number),
        **dict.fromkeys((LIST, SET), _put_list),
        BINARY: _put_binary,
        MAP: _put_map,
        STRUCT: _put_struct,
    }
    put[type_](out, value)


def _put_flag(out: bytearray, value: bool) -> None:
    out.append(TRUE if value else FALSE)


def _put_binary(out: bytearray, value: bytes) -> None:
    out += varint(len(value))
    out += value


def _put_list(out: bytearray, values: tuple[int, list[Any]]) -> None:
    type_, elements = values
    if len(elements) < _SHORT:
        out.append(len(elements) << 4 | type_)
    else:
        out.append(_SHORT << 4 | type_)
        out += varint(len(elements))
    for element in elements:
        _put_value(out, type_, element)


def _put_map(out: bytearray, values: tuple[int, int, list[tuple[Any, Any]]]) -> None:
    key, value, pairs = values
    out += varint(len(pairs))
    if pairs:
        out.append(key << 4 | value)
    for left, right in pairs:
        _put_value(out, key, left)
        _put_value(out, value, right)


def _put_number(out: bytearray, value: int) -> None:
    out += varint(zigzag(value))
