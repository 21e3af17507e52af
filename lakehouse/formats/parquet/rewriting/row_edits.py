"""What becomes of the rows of a file: some are removed, or some get new values in a few columns.

Owns the rows by their positions in the file, from 0. Must never hold all new values: they are read from a
file as they are needed.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import accumulate
from mmap import ACCESS_READ, MADV_DONTNEED, mmap
from pathlib import Path
from typing import Protocol

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.formats.parquet.rewriter import as_stored


class MarkedRows:
    """Rows of a file: one bit a row, the lowest of each byte first. Those after the last are not marked."""

    def __init__(self, bits: bytes) -> None:
        self._bits = pa.Array.from_buffers(pa.bool_(), 8 * len(bits), [None, pa.py_buffer(bits)])

    def of(self, first_row: int, count: int) -> pa.BooleanArray:
        """Which of `count` rows from the first one on are marked."""
        found = self._bits.slice(first_row, count)
        if len(found) < count:
            rest = pa.repeat(pa.scalar(False), count - len(found))
            return pa.concat_arrays([found, rest])
        return found

    def hold(self, rows: pa.Int64Array) -> bool:
        """Whether all of these rows are marked."""
        least, most = (value.as_py() for value in pc.min_max(rows).values())
        inside = least is None or 0 <= least <= most < len(self._bits)
        return inside and pc.all(self._bits.take(rows), min_count=0).as_py() is True

    def before(self, row: int) -> int:
        """How many rows before this one are marked."""
        count: int = self._bits.slice(0, row).true_count
        return count

    def __len__(self) -> int:
        """How many rows are marked."""
        count: int = self._bits.true_count
        return count


class RowEdit(Protocol):
    """A change of some rows of one file. Safe to use in several threads at once."""

    @property
    def rows(self) -> MarkedRows:
        """The rows that change."""

    @property
    def columns(self) -> frozenset[str] | None:
        """The columns that change; None: whole rows are removed."""

    def applied(
        self, batches: Iterable[pa.RecordBatch], first_row: int, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """The batches, which begin with the row at `first_row`, as they are afterwards."""


class _Position(msgspec.Struct):
    """The number of the next row."""

    row: int


class Removal:
    """Removes rows."""

    columns = None

    def __init__(self, rows: MarkedRows) -> None:
        self.rows = rows

    def applied(
        self, batches: Iterable[pa.RecordBatch], first_row: int, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """The batches without the rows."""
        # No frame refers to a batch while its rows are in use: a copy of a row group takes 13 MB.
        return map(partial(self._kept, _Position(first_row)), batches)

    def _kept(self, position: _Position, batch: pa.RecordBatch) -> pa.RecordBatch:
        marks = self.rows.of(position.row, batch.num_rows)
        position.row += batch.num_rows
        return batch.filter(pc.invert(marks)) if marks.true_count else batch


class NewValues:
    """Gives rows the values of an Arrow stream at `path`: a row of it for each row, in order.

    Its last column has the positions of the rows, the others are those that change. Raises ValueError
    where it has other rows, or has them in another order.
    """

    def __init__(self, rows: MarkedRows, path: Path) -> None:
        self.rows = rows
        # The batches lie in the mapped file, whose pages are given back after each use.
        with path.open("rb") as file:
            self._pages = mmap(file.fileno(), 0, access=ACCESS_READ)
        with pa.ipc.open_stream(pa.py_buffer(self._pages)) as stream:
            self._batches = list(stream)
            *columns, number = stream.schema.names
            self.columns: frozenset[str] | None = frozenset(columns)
        self._starts = [0, *accumulate(batch.num_rows for batch in self._batches)]
        if self._starts[-1] != len(rows):
            raise ValueError(f"{self._starts[-1]} new values for {len(rows)} rows")
        if not _ascending([batch.column(number) for batch in self._batches], rows):
            raise ValueError("new values came in another order than their rows")
        # The kernel has mapped neighbours of what a batch's header needs.
        self._pages.madvise(MADV_DONTNEED)

    def applied(
        self, batches: Iterable[pa.RecordBatch], first_row: int, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """The batches with the new values."""
        begin = self.rows.before(first_row)
        for batch in batches:
            marks = self.rows.of(first_row, batch.num_rows)
            end = begin + marks.true_count
            if begin == end:
                yield batch
            else:
                order = _order(marks, end - begin)
                columns = [
                    self._replaced(batch.column(field.name), field, begin, end, order)
                    for field in schema
                ]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
            first_row, begin = first_row + batch.num_rows, end
        self._pages.madvise(MADV_DONTNEED)

    def _replaced(
        self, old: pa.Array, field: pa.Field, begin: int, end: int, order: pa.Int64Array
    ) -> pa.Array:
        if self.columns is None or field.name not in self.columns:
            return old
        return pa.concat_arrays([old, *self._values(field, begin, end)]).take(order)

    def _values(self, field: pa.Field, begin: int, end: int) -> Iterator[pa.Array]:
        """The new values of a column, from one to before another."""
        place = bisect_right(self._starts, begin) - 1
        while begin < end:
            batch, start = self._batches[place], self._starts[place]
            stop = min(end, self._starts[place + 1])
            values = batch.column(field.name).slice(begin - start, stop - begin)
            yield as_stored(values, field.type)
            begin, place = max(begin, stop), place + 1


def _ascending(positions: list[pa.Int64Array], rows: MarkedRows) -> bool:
    """Whether the positions ascend, and all are of these rows. As many of them are then these rows."""
    last = -1
    for each in filter(len, positions):
        steps = pc.subtract(each[1:], each[:-1])
        if each[0].as_py() <= last or not rows.hold(each) or pc.any(pc.less(steps, 1)).as_py():
            return False
        last = each[-1].as_py()
    return True


def _order(marks: pa.BooleanArray, new: int) -> pa.Int64Array:
    """Where each row is, in the old ones followed by the `new` ones of those that are marked."""
    places = array("q", range(len(marks) + new))
    numbers = pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(places)])
    return pc.replace_with_mask(numbers[: len(marks)], marks, numbers[len(marks) :])
