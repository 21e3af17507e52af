"""Numbers in as few bytes as they need, as Avro, Protocol Buffers and Thrift write them. Pure."""


def zigzag(value: int) -> int:
    """A number of either sign as one that is not negative, small where `value` is near 0."""
    return value << 1 if value >= 0 else ~(value << 1)


def varint(value: int) -> bytes:
    """A number that is not negative: seven bits a byte, the lowest first."""
    if value <= 0x7F:
        return bytes((value,))
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
