"""Thrift's compact protocol, as far as a Parquet footer needs it: bytes to a tree and back, exactly.

Of what a footer written by others says nothing is lost or moved: encoded again, an untouched tree
gives the same bytes. It knows no field by name. Source: thrift-compact-protocol.md of Apache Thrift.
"""

from typing import Any

_STOP = 0
_TRUE, _FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, _SET, _MAP, STRUCT = range(1, 13)
_INTEGERS = (I16, I32, I64)
_LONG_LIST = 15

Struct = dict[int, tuple[int, Any]]
"""Field number to wire type and value, in the order of the bytes; a boolean's type is its value."""


def decode(data: bytes) -> Struct:
    """The struct that `data` is. Raises ValueError for what no footer holds."""
    return _Reader(data).struct()


def encode(struct: Struct) -> bytes:
    """The bytes of a struct."""
    out = bytearray()
    _write_struct(out, struct)
    return bytes(out)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def struct(self) -> Struct:
        fields: Struct = {}
        number = 0
        while (head := self._byte()) != _STOP:
            type_ = head & 15
            number = number + (head >> 4) if head >> 4 else _unzigzag(self._varint())
            value = type_ == _TRUE if type_ in (_TRUE, _FALSE) else self._value(type_)
            fields[number] = type_, value
        return fields

    def _value(self, type_: int) -> Any:
        if type_ in _INTEGERS:
            return _unzigzag(self._varint())
        if type_ == BINARY:
            return self._bytes(self._varint())
        if type_ == LIST:
            head = self._byte()
            count = self._varint() if head >> 4 == _LONG_LIST else head >> 4
            return head & 15, [self._element(head & 15) for _ in range(count)]
        if type_ == STRUCT:
            return self.struct()
        if type_ in (BYTE, DOUBLE):
            return self._bytes(1 if type_ == BYTE else 8)
        raise ValueError(f"a value of the type {type_}")

    def _element(self, type_: int) -> Any:
        return self._bytes(1) if type_ in (_TRUE, _FALSE) else self._value(type_)

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def _byte(self) -> int:
        self._position += 1
        return self._data[self._position - 1]

    def _bytes(self, count: int) -> bytes:
        self._position += count
        return self._data[self._position - count : self._position]


def _write_struct(out: bytearray, struct: Struct) -> None:
    before = 0
    for number, (type_, value) in struct.items():
        if 0 < number - before <= 15:
            out.append((number - before) << 4 | type_)
        else:
            out.append(type_)
            _write_varint(out, _zigzag(number))
        before = number
        if type_ not in (_TRUE, _FALSE):
            _write_value(out, type_, value)
    out.append(_STOP)


def _write_value(out: bytearray, type_: int, value: Any) -> None:
    if type_ in _INTEGERS:
        _write_varint(out, _zigzag(value))
    elif type_ == BINARY:
        _write_varint(out, len(value))
        out += value
    elif type_ == STRUCT:
        _write_struct(out, value)
    elif type_ == LIST:
        element, items = value
        out.append(min(len(items), _LONG_LIST) << 4 | element)
        if len(items) >= _LONG_LIST:
            _write_varint(out, len(items))
        for item in items:
            _write_value(out, element, item)
    else:
        out += value


def _write_varint(out: bytearray, value: int) -> None:
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _unzigzag(value: int) -> int:
    return -(value + 1 >> 1) if value & 1 else value >> 1
