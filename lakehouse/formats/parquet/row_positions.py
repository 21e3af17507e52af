"""The positions of rows in one file, from 0, as one bit a row. Must never hold them all as numbers.

Ten million positions are 80 MB as numbers, and sorting them takes three times that; their bits are 1.25 MB.
"""

import pyarrow as pa
import pyarrow.compute as pc


class RowPositions:
    """A set of positions. Not for several threads at once."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, positions: pa.Int64Array) -> None:
        """Take positions in any order; one that is there already changes nothing."""
        if not len(positions):
            return
        least, most = (value.as_py() for value in pc.min_max(positions).values())
        start, stop = least // 8, most // 8 + 1
        self._bits.extend(bytes(max(0, stop - len(self._bits))))
        marks = pa.repeat(pa.scalar(True), len(positions))
        places = pc.subtract(positions, start * 8)
        scattered = pc.scatter(marks, places, max_index=(stop - start) * 8 - 1)
        self._bits[start:stop] = _union(self._bits[start:stop], _valid_bits(scattered))

    def __len__(self) -> int:
        return int.from_bytes(self._bits, "little").bit_count()

    @property
    def bits(self) -> bytes:
        """One bit for each row, the lowest of each byte first, no further than the last position needs."""
        return bytes(self._bits)

    def array(self) -> pa.Int64Array:
        """All positions, ascending. For few of them."""
        body = pa.py_buffer(self.bits)
        marks = pa.Array.from_buffers(pa.bool_(), 8 * len(self._bits), [None, body])
        return pc.indices_nonzero(marks).cast(pa.int64())


def _union(some: bytearray, others: bytes) -> bytes:
    both = int.from_bytes(some, "little") | int.from_bytes(others, "little")
    return both.to_bytes(len(some), "little")


def _valid_bits(values: pa.BooleanArray) -> bytes:
    """Which values are not null. The number of values is a multiple of 8."""
    valid = pc.is_valid(values)
    bits: bytes = valid.buffers()[1].to_pybytes()
    return bits[: len(values) // 8]
