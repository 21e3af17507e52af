"""Encodes a result in each of the formats: one function from columns and batches to pieces. Pure.

A document is complete only with its last piece, so a truncated one is invalid in formats that have an
end. In others (NDJSON, CSV) the sender must abort the connection. The first piece contains the first
rows, so a statement that fails at once sends nothing.
"""

from collections.abc import Callable, Iterable, Iterator

import msgspec
import pyarrow as pa

from lakehouse.query.render import arrow
from lakehouse.query.render.formats import ROWS, SCHEMA
from lakehouse.query.render.rows import distinct, header_csv, rows_csv, rows_json, rows_ndjson
from lakehouse.query.wire.messages import Column

_LARGEST_BATCH_BYTES = 16 * 1024 * 1024

Columns = tuple[Column, ...]
Batches = Iterable[pa.RecordBatch]
Render = Callable[[pa.RecordBatch], bytes]
RenderAll = Callable[[Batches, Render], Iterator[bytes]]
"""Renders batches by the given function, or sooner in another way with the same bytes."""


class Counted:
    """The batches of a result, to be read once, and how many rows have been read.

    `render_json` renders those of a JSON document.
    """

    def __init__(
        self,
        schema: pa.Schema,
        batches: Batches,
        render_json: RenderAll = lambda batches, render: map(render, batches),
    ) -> None:
        self.render_json = render_json
        self.schema = schema
        self.row_count = 0
        self._batches = batches

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self.row_count += batch.num_rows
            yield batch


Piece = bytes | memoryview
Document = Callable[[Columns, Counted], Iterator[Piece]]


def json_document(columns: Columns, reader: Counted) -> Iterator[bytes]:
    """Yield `{"columns":[…],"rows":[…],"row_count":N}` in pieces of about one batch."""
    opening = b'{"columns":' + msgspec.json.encode(columns) + b',"rows":['
    for rows in reader.render_json(_bounded(reader), rows_json):
        yield opening + rows
        opening = b","
    ending = b'],"row_count":%d}' % reader.row_count
    yield ending if reader.row_count else opening + ending


def ndjson_document(columns: Columns, reader: Counted) -> Iterator[bytes]:
    """Yield one JSON object a row; a repeated name is suffixed, since an object has each once."""
    names = distinct([column.name for column in columns])
    for batch in _bounded(reader):
        yield rows_ndjson(batch, names)


def csv_document(columns: Columns, reader: Counted) -> Iterator[bytes]:
    """Yield a header and a line a row, RFC 4180 but for its line ends, which are LF."""
    opening = header_csv([column.name for column in columns])
    for batch in _bounded(reader):
        yield opening + rows_csv(batch)
        opening = b""
    if opening:
        yield opening


def arrow_document(columns: Columns, reader: Counted) -> Iterator[Piece]:
    """Yield an Arrow IPC stream."""
    schema = arrow.plain_schema(reader.schema, tuple(column.name for column in columns))
    return arrow.arrow_pieces(schema, _plain(reader, schema))


def parquet_document(columns: Columns, reader: Counted) -> Iterator[bytes]:
    """Yield a Parquet file; repeated names are suffixed, since readers choose columns by name."""
    names = distinct([column.name for column in columns])
    schema = arrow.plain_schema(reader.schema, names)
    return arrow.parquet_pieces(schema, _plain(reader, schema))


def rows_document(columns: Columns, reader: Counted) -> Iterator[Piece]:
    """Yield an Arrow IPC stream of compressed batches, each of at most 16 MiB of values or one row."""
    schema = arrow.plain_schema(reader.schema, tuple(column.name for column in columns))
    plain = arrow.plain_batches(_bounded(reader), reader.schema, schema)
    return arrow.arrow_pieces(schema, plain, "lz4")


DOCUMENTS: dict[str, Document] = {
    "json": json_document,
    "ndjson": ndjson_document,
    "csv": csv_document,
    "arrow": arrow_document,
    "parquet": parquet_document,
}
"""By the names of FORMATS."""


def document_of(name: str) -> Document:
    """The encoder of a format of FORMATS, of ROWS or of SCHEMA."""
    if name == ROWS:
        return rows_document
    return DOCUMENTS["arrow" if name == SCHEMA else name]


def _plain(reader: Counted, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    filled = (batch for batch in reader if batch.num_rows)
    return arrow.plain_batches(filled, reader.schema, schema)


def _bounded(batches: Batches) -> Iterator[pa.RecordBatch]:
    """Halve a batch of wide rows until its text fits in memory beside it; leave out empty ones."""
    for batch in batches:
        if batch.num_rows > 1 and batch.nbytes > _LARGEST_BATCH_BYTES:
            half = batch.num_rows // 2
            yield from _bounded((batch.slice(0, half), batch.slice(half)))
        elif batch.num_rows:
            yield batch
