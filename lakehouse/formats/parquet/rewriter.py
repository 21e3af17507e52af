"""Objects written anew: rows removed or changed, all others as they were, in their order.

Streams batches of one object into Parquet by our own writer: field ids, and the dataset's types of
today. Must never read an object itself: its batches come from a confined process.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.logical_types import arrow_type
from lakehouse.formats.parquet.field_ids import with_field_ids
from lakehouse.formats.parquet.writer import WRITER, ParquetFile, write_parquet
from lakehouse.formats.schema import Column


class RowEdits(msgspec.Struct, frozen=True):
    """What becomes of rows of one object: those at `rows` are removed, or get `values`.

    `rows`: their positions from 0, ascending, as int64. `values`: column → one value for each of
    `rows`, in their order, of the column's type of today; None: the rows are removed.
    """

    rows: pa.Array
    values: Mapping[str, pa.Array] | None = None


def rewrite(
    batches: Iterable[pa.RecordBatch],
    edits: RowEdits,
    schema: pa.Schema,
    work_dir: Path,
    limits: IngestLimits,
) -> tuple[ParquetFile, ...]:
    """Write the rows of one object with `edits` into `work_dir`; no file where no row is left.

    `batches` are all of the object's rows in order, by the columns of `schema`, whatever their
    types are.
    """
    rows = (batch for batch in _edited(batches, edits, schema) if batch.num_rows)
    first = next(iter(rows), None)
    if first is None:
        return ()
    return write_parquet(_chained(first, rows), schema, work_dir, limits)


def stored_schema(columns: Sequence[Column] | None, found: pa.Schema) -> pa.Schema:
    """The schema of the objects that are written anew: today's types where they are flat.

    Others are as `found`, which a worker has read. `columns` is None where a dataset's are unknown.
    """
    if columns is None:
        return with_field_ids(found.remove_metadata(), WRITER)
    types = [(each.name, arrow_type(each.type) or found.field(each.name).type) for each in columns]
    return with_field_ids(pa.schema(types), WRITER)


def _chained(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest


def _edited(
    batches: Iterable[pa.RecordBatch], edits: RowEdits, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    begin = 0
    for batch in batches:
        end = begin + batch.num_rows
        hits = slice(
            bisect_left(edits.rows, begin, key=_number), bisect_left(edits.rows, end, key=_number)
        )
        yield _edited_batch(batch, begin, edits, hits, schema)
        begin = end


def _number(position: pa.Int64Scalar) -> int:
    number: int = position.as_py()
    return number


def _edited_batch(
    batch: pa.RecordBatch, begin: int, edits: RowEdits, hits: slice, schema: pa.Schema
) -> pa.RecordBatch:
    columns = [as_stored(batch.column(field.name), field.type) for field in schema]
    rows = edits.rows[hits]
    if not len(rows):
        return pa.RecordBatch.from_arrays(columns, schema=schema)
    mask = _mask(rows, begin, batch.num_rows)
    if edits.values is None:
        whole = pa.RecordBatch.from_arrays(columns, schema=schema)
        return whole.filter(pc.invert(mask))
    for place, field in enumerate(schema):
        if field.name in edits.values:
            values = as_stored(edits.values[field.name][hits], field.type)
            columns[place] = _replaced(columns[place], mask, values)
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _replaced(column: pa.Array, mask: pa.Array, values: pa.Array) -> pa.Array:
    if not pa.types.is_nested(column.type):
        return pc.replace_with_mask(column, mask, values)
    later = iter(range(len(column), len(column) + len(values)))
    places = [next(later) if new else place for place, new in enumerate(mask.to_pylist())]
    return pa.concat_arrays([column, values]).take(pa.array(places, pa.int64()))


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
