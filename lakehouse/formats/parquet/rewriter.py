"""Rewrites objects: some rows removed, all others in their order.

Streams batches of one object into Parquet by our own writer: field ids, and the dataset's types of
today. Must never read an object itself: its batches come from a confined process.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.parquet.field_ids import with_field_ids
from lakehouse.formats.parquet.writer import WRITER, ParquetFile, write_parquet
from lakehouse.formats.schema import Column
from lakehouse.formats.types.logical import arrow_type


def rewrite(
    batches: Iterable[pa.RecordBatch],
    removed: pa.Int64Array,
    schema: pa.Schema,
    work_dir: Path,
    limits: IngestLimits,
) -> tuple[ParquetFile, ...]:
    """Write the rows of an object, without some, into `work_dir`; no file where no row is left.

    `batches` are all of the object's rows in order, by the columns of `schema`, whatever their
    types are. `removed` are positions from 0, ascending.
    """
    rows = (batch for batch in _kept(batches, removed, schema) if batch.num_rows)
    first = next(rows, None)
    if first is None:
        return ()
    return write_parquet(chain([first], rows), schema, work_dir, limits)


def in_order(numbered: pa.RecordBatchReader, number: str) -> pa.RecordBatchReader:
    """All rows of an object without the column `number`, which has their positions from 0.

    Reading raises ValueError where the rows are in another order: they would be written so.
    """
    schema = numbered.schema.remove(numbered.schema.get_field_index(number))
    return pa.RecordBatchReader.from_batches(schema, _checked(numbered, number))


def _checked(numbered: pa.RecordBatchReader, number: str) -> Iterator[pa.RecordBatch]:
    begin = 0
    for batch in numbered:
        end = begin + batch.num_rows
        if not batch.column(number).equals(pa.arange(begin, end)):
            raise ValueError(f"rows {begin} to {end} of an object came in another order")
        yield batch.drop_columns([number])
        begin = end


def stored_schema(columns: Sequence[Column] | None, found: pa.Schema) -> pa.Schema:
    """The schema of the objects that are rewritten: today's types where they are flat.

    Others are as `found`, which a worker has read. `columns` is None where a dataset's are unknown.
    """
    if columns is None:
        return with_field_ids(found.remove_metadata(), WRITER)
    types = [(each.name, arrow_type(each.type) or found.field(each.name).type) for each in columns]
    return with_field_ids(pa.schema(types), WRITER)


def _kept(
    batches: Iterable[pa.RecordBatch],
    removed: pa.Int64Array,
    schema: pa.Schema,
) -> Iterator[pa.RecordBatch]:
    """The batches without the rows at these positions (ascending), by the columns of `schema`."""
    begin = done = 0
    for batch in batches:
        columns = [as_stored(batch.column(field.name), field.type) for field in schema]
        stored = pa.RecordBatch.from_arrays(columns, schema=schema)
        end = begin + batch.num_rows
        stop = bisect_left(removed, end, lo=done, key=_number)
        hits = removed[done:stop]
        yield stored.filter(pc.invert(_mask(hits, begin, batch.num_rows))) if len(hits) else stored
        begin, done = end, stop


def _number(position: pa.Int64Scalar) -> int:
    number: int = position.as_py()
    return number


def _mask(rows: pa.Array, begin: int, count: int) -> pa.Array:
    """Which rows of a batch, whose first one is at `begin`, are among `rows`."""
    marks = bytearray(-(-count // 8))
    for row in pc.subtract(rows, begin).to_pylist():
        marks[row >> 3] |= 1 << (row & 7)
    return pa.BooleanArray.from_buffers(pa.bool_(), count, [None, pa.py_buffer(marks)])


def as_stored(values: pa.Array, type_: pa.DataType) -> pa.Array:
    """Values as DuckDB hands them out, in the type that they are stored in. Raises pa.ArrowInvalid."""
    if values.type == type_:
        return values
    if pa.types.is_null(type_):
        return pa.nulls(len(values))
    return pc.cast(values, type_)
