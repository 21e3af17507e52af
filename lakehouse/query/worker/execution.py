"""Runs a judged statement and renders its rows as they come.

Owns how DuckDB is called. Must never judge a statement or send anything.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import duckdb
import pyarrow as pa

from lakehouse.domain.errors import RefusedError
from lakehouse.query.policy.statement import unterminated
from lakehouse.query.render.documents import Counted, Piece, document_of
from lakehouse.query.render.exact_casts import are_exact, dataset_type_fault, exact_sql
from lakehouse.query.render.formats import ROWS, as_text
from lakehouse.query.render.result_columns import result_columns
from lakehouse.query.wire.messages import Column
from lakehouse.query.worker.bulk_json import BulkJson

BATCH_ROWS = 8192
METRICS = (
    "query.total_time",
    "query.cpu_time",
    "system.peak_buffer_memory",
    "system.peak_temp_dir_size",
    "io.total_bytes_read",
    "operator.name",
    "operator.timing",
    "operator.intermediate_rows",
    "operator.rows_scanned",
    "operator.bytes_scanned",
    "operator.row_groups_scanned",
    "operator.total_row_groups_to_scan",
)
"""What EXPLAIN ANALYZE shows. Not operator.extra_info, which names files."""

Cursor = duckdb.DuckDBPyConnection


def document(
    cursor: Cursor,
    sql: str,
    params: Any,
    format_: str = "json",
    json_writer: Cursor | None = None,
    batches_of: Callable[[pa.RecordBatchReader], Iterable[pa.RecordBatch]] = iter,
) -> tuple[tuple[Column, ...], Iterator[Piece], Counted]:
    """Run `sql` and return its columns and the document of its rows, made and counted as it is read.

    `batches_of` reads the batches.
    """
    result = _submit(cursor, sql, params)
    described = result.description
    columns = result_columns(described)
    types = [kind for _, kind, *_ in described]
    if format_ == ROWS and (refused := dataset_type_fault(columns, types)):
        raise RefusedError(refused)
    text = as_text(format_)
    if not are_exact(types, text) and (exact := exact_sql(unterminated(sql), types, text)):
        result.close()
        result = _submit(cursor, exact, params)
    reader = result.arrow_reader()
    source = reader.schema, batches_of(reader)
    counted = Counted(*source, BulkJson(json_writer).pieces) if json_writer else Counted(*source)
    return columns, document_of(format_)(columns, counted), counted


def _submit(cursor: Cursor, sql: str, params: Any) -> Any:
    """Run a statement whose rows come as they are computed.

    `_submit` is what `sql(…).to_arrow_reader()` calls in the end. That one binds the statement twice
    (0.35 ms for SELECT 42, 0.23 ms this way) and loses the position from a binder's message;
    `execute(…).to_arrow_reader()` holds all rows in memory.
    """
    return cursor._submit(sql, params, "stream", BATCH_ROWS)
