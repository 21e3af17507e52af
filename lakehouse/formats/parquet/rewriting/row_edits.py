"""What becomes of the rows of a file: some are removed, or some get new values in a few columns.

Owns the rows by their positions in the file, from 0, ascending. Must never hold all new values: they
are read from a file as they are needed.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from mmap import ACCESS_READ, MADV_DONTNEED, mmap
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.formats.parquet.rewriter import as_stored, kept


class RowEdit(Protocol):
    """A change of some rows of one file. Safe to use in several threads at once."""

    @property
    def rows(self) -> pa.Int64Array:
        """The positions of the rows that change."""

    @property
    def columns(self) -> frozenset[str] | None:
        """The columns that change; None: whole rows are removed."""

    def applied(
        self, batches: Iterable[pa.RecordBatch], first_row: int, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """The batches, which begin with the row at `first_row`, as they are afterwards."""


class MappedRows:
    """Positions of rows in a file, as int64 in the machine's order. Memory holds those in use."""

    def __init__(self, path: Path) -> None:
        size_bytes = path.stat().st_size
        self._pages: mmap | None = None
        if size_bytes:
            with path.open("rb") as file:
                self._pages = mmap(file.fileno(), 0, access=ACCESS_READ)
        body = pa.py_buffer(self._pages or b"")
        self.numbers: pa.Int64Array = pa.Array.from_buffers(
            pa.int64(), size_bytes // 8, [None, body]
        )

    def release(self) -> None:
        """Give back the memory of what was read; it is read again where it is needed."""
        if self._pages is not None:
            self._pages.madvise(MADV_DONTNEED)


class Removal:
    """Removes rows."""

    columns = None

    def __init__(self, rows: MappedRows) -> None:
        self._mapped = rows
        self.rows = rows.numbers

    def applied(
        self, batches: Iterable[pa.RecordBatch], first_row: int, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """The batches without the rows."""
        for batch in kept(batches, self.rows, schema, first_row):
            self._mapped.release()
            yield batch


class NewValues:
    """Gives rows the values of an Arrow stream at `path`: a row of it for each row, in order.

    Its columns are those that change. Raises ValueError where it has more or fewer rows.
    """

    def __init__(self, rows: MappedRows, path: Path) -> None:
        self._mapped = rows
        self.rows = rows.numbers
        # The batches lie in the mapped file, whose pages are given back after each use.
        with path.open("rb") as file:
            self._pages = mmap(file.fileno(), 0, access=ACCESS_READ)
        with pa.ipc.open_stream(pa.py_buffer(self._pages)) as stream:
            self._batches = list(stream)
            self.columns: frozenset[str] | None = frozenset(stream.schema.names)
        self._starts = [0, *accumulate(batch.num_rows for batch in self._batches)]
        if self._starts[-1] != len(self.rows):
            raise ValueError(f"{self._starts[-1]} new values for {len(self.rows)} rows")
        self._pages.madvise(
            MADV_DONTNEED
        )  # the kernel maps neighbours of what a batch's header needs

    def applied(
        self, batches: Iterable[pa.RecordBatch], first_row: int, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """The batches with the new values."""
        for batch in batches:
            end = first_row + batch.num_rows
            begin_hit, end_hit = (bisect_left(self.rows, at, key=number) for at in (first_row, end))
            if begin_hit == end_hit:
                yield batch
            else:
                order = _order(self.rows[begin_hit:end_hit], first_row, batch.num_rows)
                columns = [
                    self._replaced(batch.column(field.name), field, begin_hit, end_hit, order)
                    for field in schema
                ]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
            first_row = end
        self._pages.madvise(MADV_DONTNEED)
        self._mapped.release()

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


def number(position: pa.Int64Scalar) -> int:
    """A position as a number."""
    found: int = position.as_py()
    return found


def _order(hits: pa.Int64Array, first_row: int, count: int) -> pa.Int64Array:
    """Where each of `count` rows is, in the old ones followed by the new ones of `hits`."""
    order = array("q", range(count))
    for place, row in enumerate(pc.subtract(hits, first_row).to_pylist()):
        order[row] = count + place
    return pa.Array.from_buffers(pa.int64(), count, [None, pa.py_buffer(order)])
