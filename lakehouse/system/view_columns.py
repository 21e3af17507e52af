"""The columns of each system view. Data only; users' queries rely on them."""

import pyarrow as pa

from journal.events import Column

_AT = pa.timestamp("us", "UTC")

DATASETS = pa.schema(
    {
        "name": pa.string(),
        "dataset_id": pa.string(),
        "schema_fingerprint": pa.string(),
        "row_count": pa.int64(),
        "object_count": pa.int64(),
        "size_bytes": pa.int64(),
        "created_at": _AT,
        "updated_at": _AT,
        "seq": pa.int64(),
    }
)
"""A row a live dataset, in name order."""

COLUMNS = pa.schema(
    {"dataset": pa.string(), "position": pa.int32(), "name": pa.string(), "type": pa.string()}
)
"""A row a column of known schema; `type` is the Arrow type's name, `position` counts from 1."""

VIEWS = pa.schema(
    {
        "name": pa.string(),
        "sql": pa.string(),
        "comment": pa.string(),
        "columns": pa.list_(pa.struct({"name": pa.string(), "type": pa.string()})),
        "reads": pa.list_(pa.string()),
        "safe": pa.bool_(),
        "created_at": _AT,
        "seq": pa.int64(),
    }
)
"""A row a view, in name order; `sql` is null for a safe one, columns and reads are of when it was put."""

OBJECTS = pa.schema(
    {
        "key": pa.string(),
        "size_bytes": pa.int64(),
        "sha256": pa.string(),
        "row_count": pa.int64(),
        "content_type": pa.string(),
        "created_at": _AT,
        "seq": pa.int64(),
        "is_current": pa.bool_(),
        "datasets": pa.list_(pa.string()),
    }
)
"""A row a version that a key names now, or that a live dataset holds; in byte order of keys."""

EVENTS = pa.schema(
    {
        "seq": pa.int64(),
        "position": pa.int64(),
        "at": _AT,
        "type": pa.string(),
        "v": pa.int32(),
        "dataset": pa.string(),
        "actor": pa.string(),
        "reason": pa.string(),
        "key": pa.string(),
        "request": pa.string(),
        "correlation": pa.string(),
        "command": pa.string(),
        "data": pa.string(),
    }
)
"""A row an event; `dataset` is its name where it is about one, `data` is JSON."""

QUARANTINE = (
    Column("dataset", "string"),
    Column("key", "string"),
    Column("seq", "int64"),
    Column("line", "int64"),
    Column("column", "string"),
    Column("reason", "string"),
    Column("raw", "binary"),
)
"""A row a record that was set aside and that a dataset still keeps; the first three name its file."""

QUERIES = pa.schema(
    {
        "query_id": pa.string(),
        "actor": pa.string(),
        "started_at": _AT,
        "ms": pa.float64(),
        "sql": pa.string(),
        "format": pa.string(),
        "seq": pa.int64(),
        "rows": pa.int64(),
        "size_bytes": pa.int64(),
        "cached": pa.bool_(),
        "outcome": pa.string(),
    }
)
"""A row a query that this process remembers, oldest first; `outcome` is null while it runs."""

REJECTIONS = pa.schema(
    {
        "at": _AT,
        "dataset": pa.string(),
        "mode": pa.string(),
        "code": pa.string(),
        "detail": pa.string(),
        "actor": pa.string(),
        "reason": pa.string(),
        "correlation": pa.string(),
        "sha256": pa.string(),
        "size_bytes": pa.int64(),
    }
)
"""A row an ingest that this process refused, oldest first; the last two are of the file as received."""

LOGS = {"queries": QUERIES, "rejections": REJECTIONS}
"""What a process remembers of itself."""
