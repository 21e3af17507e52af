"""The formats of a result. A format is one function from columns and batches to bytes. Pure.

A document is complete only with its last piece, so one that fails midway never looks complete.
"""

from collections.abc import Iterator

import msgspec
import pyarrow as pa

from lakehouse.query.messages import Column
from lakehouse.query.rendering import rows_json

_LARGEST_BATCH_BYTES = 16 * 1024 * 1024

Batches = Iterator[pa.RecordBatch]


def json_document(columns: tuple[Column, ...], batches: Batches) -> Iterator[bytes]:
    """Yield `{"columns":[…],"rows":[…],"row_count":N}` in pieces of about one batch.

    The first piece holds the first rows, so that a statement which fails at once has sent nothing.
    """
    opening = b'{"columns":' + msgspec.json.encode(columns) + b',"rows":['
    row_count = 0
    for batch in _bounded(batches):
        if batch.num_rows:
            yield opening + rows_json(batch).to_pybytes()
            opening = b","
            row_count += batch.num_rows
    ending = b'],"row_count":%d}' % row_count
    yield ending if row_count else opening + ending


def _bounded(batches: Batches) -> Batches:
    """Halve a batch of wide rows until its text fits in memory beside it."""
    for batch in batches:
        if batch.num_rows > 1 and batch.nbytes > _LARGEST_BATCH_BYTES:
            half = batch.num_rows // 2
            yield from _bounded(iter((batch.slice(0, half), batch.slice(half))))
        else:
            yield batch
