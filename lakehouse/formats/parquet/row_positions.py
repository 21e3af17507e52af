"""The positions of rows in one file, from 0, as one bit a row. Must never hold them all as numbers.

Ten million positions are 80 MB as numbers, and sorting them takes three times that; their bits are 1.25 MB.
"""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

_PIECE_BITS = 1 << 20


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

    def pieces(self) -> Iterator[pa.Int64Array]:
        """The positions, ascending, a part at a time."""
        for start in range(0, len(self._bits), _PIECE_BITS // 8):
            piece = bytes(self._bits[start : start + _PIECE_BITS // 8])
            bits = pa.Array.from_buffers(pa.bool_(), len(piece) * 8, [None, pa.py_buffer(piece)])
            found = pc.indices_nonzero(bits)
            if len(found):
                yield pc.add(found.cast(pa.int64()), start * 8)

    def array(self) -> pa.Int64Array:
        """All positions, ascending. For few of them."""
        return pa.concat_arrays([pa.array([], pa.int64()), *self.pieces()])


def _union(some: bytearray, others: bytes) -> bytes:
    both = int.from_bytes(some, "little") | int.from_bytes(others, "little")
    return both.to_bytes(len(some), "little")


def _valid_bits(values: pa.BooleanArray) -> bytes:
    """Which values are not null. The number of values is a multiple of 8."""
    valid = pc.is_valid(values)
    bits: bytes = valid.buffers()[1].to_pybytes()
    return bits[: len(values) // 8]
