"""A result as bytes, in each of the formats: one function from columns and batches to pieces. Pure.

A document is complete only with its last piece, so one that fails midway never looks complete where
its format can tell; where it cannot (NDJSON, CSV), whoever sends it must break off. The first piece
holds the first rows, so that a statement which fails at once has sent nothing.
"""

from collections.abc import Callable, Iterator

import msgspec
import pyarrow as pa

from lakehouse.query import arrow
from lakehouse.query.messages import Column
from lakehouse.query.rows import distinct, header_csv, rows_csv, rows_json, rows_ndjson

_LARGEST_BATCH_BYTES = 16 * 1024 * 1024

Columns = tuple[Column, ...]
Batches = Iterator[pa.RecordBatch]
Document = Callable[[Columns, pa.RecordBatchReader], Iterator[bytes]]


def json_document(columns: Columns, reader: pa.RecordBatchReader) -> Iterator[bytes]:
    """Yield `{"columns":[…],"rows":[…],"row_count":N}` in pieces of about one batch."""
    opening = b'{"columns":' + msgspec.json.encode(columns) + b',"rows":['
    row_count = 0
    for batch in _bounded(reader):
        yield opening + rows_json(batch).to_pybytes()
        opening = b","
        row_count += batch.num_rows
    ending = b'],"row_count":%d}' % row_count
    yield ending if row_count else opening + ending


def ndjson_document(columns: Columns, reader: pa.RecordBatchReader) -> Iterator[bytes]:
    """Yield one JSON object a row; a repeated name is suffixed, since an object has each once."""
    names = distinct([column.name for column in columns])
    for batch in _bounded(reader):
        yield rows_ndjson(batch, names).to_pybytes()


def csv_document(columns: Columns, reader: pa.RecordBatchReader) -> Iterator[bytes]:
    """Yield a header and a line a row, RFC 4180 but for its line ends, which are LF."""
    opening = header_csv([column.name for column in columns])
    for batch in _bounded(reader):
        yield opening + rows_csv(batch).to_pybytes()
        opening = b""
    if opening:
        yield opening


def arrow_document(columns: Columns, reader: pa.RecordBatchReader) -> Iterator[bytes]:
    """Yield an Arrow IPC stream."""
    schema = arrow.plain_schema(reader.schema, tuple(column.name for column in columns))
    return arrow.arrow_pieces(schema, _plain(reader, schema))


def parquet_document(columns: Columns, reader: pa.RecordBatchReader) -> Iterator[bytes]:
    """Yield a Parquet file; repeated names are suffixed, since readers choose columns by name."""
    names = distinct([column.name for column in columns])
    schema = arrow.plain_schema(reader.schema, names)
    return arrow.parquet_pieces(schema, _plain(reader, schema))


DOCUMENTS: dict[str, Document] = {
    "json": json_document,
    "ndjson": ndjson_document,
    "csv": csv_document,
    "arrow": arrow_document,
    "parquet": parquet_document,
}


def _plain(reader: pa.RecordBatchReader, schema: pa.Schema) -> Batches:
    return (arrow.plain_batch(batch, schema) for batch in reader if batch.num_rows)


def _bounded(batches: Batches) -> Batches:
    """Halve a batch of wide rows until its text fits in memory beside it; leave out empty ones."""
    for batch in batches:
        if batch.num_rows > 1 and batch.nbytes > _LARGEST_BATCH_BYTES:
            half = batch.num_rows // 2
            yield from _bounded(iter((batch.slice(0, half), batch.slice(half))))
        elif batch.num_rows:
            yield batch
