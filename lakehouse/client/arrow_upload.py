"""Tables, frames and rows as a Parquet file, in bounded memory.

The types of rows (dicts) are found by their values, 10,000 rows at a time; where the pieces differ, the
widest type holds. Nothing is rounded: kinds that have no common type are refused.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

ROWS_AT_ONCE = 10_000
_CODEC = "zstd"


def write(data: Any, path: Path) -> None:
    """Write `data` to `path`. Raises TypeError, ValueError."""
    if _is_pandas(data):
        index = any(name is not None for name in data.index.names)
        _write(_reader(pa.Table.from_pandas(data, preserve_index=index)), path)
    elif hasattr(data, "__arrow_c_stream__"):
        _write(_reader(data), path)
    elif isinstance(data, Iterable) and not isinstance(data, Mapping):
        _write_each(iter(data), path)
    else:
        raise TypeError(f"{type(data).__name__} cannot be ingested; a table or rows can")


def _is_pandas(data: Any) -> bool:
    kind = type(data)
    return kind.__name__ == "DataFrame" and kind.__module__.partition(".")[0] == "pandas"


def _reader(data: Any) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_stream(data)


def _write(batches: pa.RecordBatchReader, path: Path) -> None:
    with pq.ParquetWriter(path, batches.schema, compression=_CODEC) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_each(items: Iterator[Any], path: Path) -> None:
    first = next(items, None)
    if first is None:
        raise ValueError("nothing to ingest: the iterator has no rows, and so no columns")
    items = itertools.chain([first], items)
    if isinstance(first, Mapping):
        _write_rows(items, path)
        return
    if not isinstance(first, pa.RecordBatch | pa.Table):
        kind = type(first).__name__
        raise TypeError(f"an iterator of {kind} cannot be ingested; one of dicts or batches can")
    with pq.ParquetWriter(path, first.schema, compression=_CODEC) as writer:
        for each in items:
            writer.write(each)


def _write_rows(rows: Iterator[Mapping[str, Any]], path: Path) -> None:
    """In two passes: the types of the last row may be wider than those of the first."""
    spool = path.with_name("rows")
    schemas: list[pa.Schema] = []
    with spool.open("wb") as file:
        while chunk := list(itertools.islice(rows, ROWS_AT_ONCE)):
            batch = _batch(chunk)
            schemas.append(batch.schema)
            with pa.ipc.new_stream(file, batch.schema) as stream:
                stream.write_batch(batch)
    try:
        schema = pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException as error:
        raise ValueError(f"a column's values have no common type: {error}") from error
    with spool.open("rb") as file, pq.ParquetWriter(path, schema, compression=_CODEC) as writer:
        for _ in schemas:
            with pa.ipc.open_stream(file) as stream:
                for batch in stream:
                    writer.write_batch(_in_schema(batch, schema))


def _batch(rows: list[Mapping[str, Any]]) -> pa.RecordBatch:
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {}
    for name in names:
        try:
            columns[name] = _in_utc(pa.array([_value(row.get(name)) for row in rows]))
        except (pa.ArrowException, OverflowError) as error:
            raise ValueError(f"column {name!r}: {error}") from error
    return pa.record_batch(columns)


def _in_utc(column: pa.Array) -> pa.Array:
    """Instants in one zone: rows may name several, and not every reader knows offsets."""
    if pa.types.is_timestamp(column.type) and column.type.tz:
        return column.cast(pa.timestamp(column.type.unit, "UTC"))
    return column


def _value(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def _in_schema(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        batch.column(field.name).cast(field.type)
        if field.name in batch.schema.names
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.record_batch(columns, schema=schema)
