"""The wire format of Protocol Buffers, as far as the messages of Flight SQL need it. Pure.

https://protobuf.dev/programming-guides/encoding: varints, and fields that have a length. Fixed-size
fields are skipped, groups are refused. Must never allocate by a length that the message claims.
"""

from collections.abc import Iterator

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.varint import varint

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_FIXED = {FIXED64: 8, FIXED32: 4}
_VARINT_BYTES = 10
_MASK = (1 << 64) - 1
_LARGEST_FIELD = (1 << 29) - 1

Value = int | bytes


class Fields:
    """The fields of one message by number, in the order of the message; unknown ones are ignored."""

    def __init__(self, message: bytes) -> None:
        """Raises RefusedError `invalid_request` for bytes that are not a message."""
        self._values: dict[int, list[Value]] = {}
        for number, value in _parsed(message):
            self._values.setdefault(number, []).append(value)

    def has(self, number: int) -> bool:
        """Whether the field is set: of `optional` fields, an empty value is set too."""
        return number in self._values

    def all_bytes(self, number: int) -> list[bytes]:
        """The values of a repeated field. Raises RefusedError for a value of another wire type."""
        found = self._values.get(number, [])
        if not all(isinstance(each, bytes) for each in found):
            raise _invalid(f"field {number} has no length")
        return [each for each in found if isinstance(each, bytes)]

    def bytes_of(self, number: int) -> bytes:
        """The value of a field, empty if it is not set; the last one counts."""
        found = self.all_bytes(number)
        return found[-1] if found else b""

    def texts(self, number: int) -> list[str]:
        """The values of a repeated text. Raises RefusedError for what is not UTF-8."""
        return [_text(each, number) for each in self.all_bytes(number)]

    def text(self, number: int) -> str:
        """The value of a text, empty if it is not set."""
        return _text(self.bytes_of(number), number)

    def optional_text(self, number: int) -> str | None:
        """The value of an `optional` text; None if it is not set."""
        return self.text(number) if self.has(number) else None

    def numbers(self, number: int) -> list[int]:
        """The values of a repeated number, packed or not."""
        found: list[int] = []
        for value in self._values.get(number, []):
            found += [value] if isinstance(value, int) else _packed(value)
        return found

    def number(self, number: int) -> int:
        """The value of a number, 0 if it is not set."""
        found = self.numbers(number)
        return found[-1] if found else 0

    def flag(self, number: int) -> bool:
        """The value of a bool, false if it is not set."""
        return self.number(number) != 0


def signed32(value: int) -> int:
    """An int32 from its varint, which has 64 bits where it is negative."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def length_field(number: int, value: bytes) -> bytes:
    """A field of bytes, text or a message."""
    return varint(number << 3 | LENGTH) + varint(len(value)) + value


def number_field(number: int, value: int) -> bytes:
    """A field of a number that is not negative."""
    return varint(number << 3 | VARINT) + varint(value)


def _parsed(message: bytes) -> Iterator[tuple[int, Value]]:
    place = 0
    while place < len(message):
        key, place = _read_varint(message, place)
        number, kind = key >> 3, key & 7
        if not 0 < number <= _LARGEST_FIELD:
            raise _invalid(f"{number} is no number of a field")
        if kind == VARINT:
            value, place = _read_varint(message, place)
            yield number, value
        elif kind == LENGTH:
            size, place = _read_varint(message, place)
            if size > len(message) - place:
                raise _invalid(f"field {number} ends beyond the message")
            yield number, message[place : place + size]
            place += size
        elif kind in _FIXED:
            place += _FIXED[kind]
            if place > len(message):
                raise _invalid(f"field {number} ends beyond the message")
        else:
            raise _invalid(f"field {number} has the wire type {kind}")


def _read_varint(message: bytes, place: int) -> tuple[int, int]:
    value = 0
    for count in range(_VARINT_BYTES):
        if place + count >= len(message):
            raise _invalid("a number ends beyond the message")
        byte = message[place + count]
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return value & _MASK, place + count + 1
    raise _invalid("a number has more than ten bytes")


def _packed(data: bytes) -> list[int]:
    found, place = [], 0
    while place < len(data):
        value, place = _read_varint(data, place)
        found.append(value)
    return found


def _text(value: bytes, number: int) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise _invalid(f"field {number} is not UTF-8") from error


def _invalid(detail: str) -> RefusedError:
    return RefusedError(Refused("invalid_request", f"a message of Flight SQL is invalid: {detail}"))
