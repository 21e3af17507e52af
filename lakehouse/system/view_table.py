"""The table of the system views: the name, columns and source of each, and whether results are cached. Pure.

Everything that enumerates system views follows from SYSTEM_VIEWS: the names that a statement may use,
how the rows are made, and which results are cached. Users' queries rely on names and columns. Must
never import what reads or writes: the worker of a query loads this module.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec
import pyarrow as pa

from lakehouse.system import rows
from projections.fold import State

SCHEMA = "lake"
"""The SQL schema of all system views."""

LogRows: TypeAlias = Callable[[], Iterable[Mapping[str, Any]]]
"""The rows of a log as they are now, oldest first: values by the names of columns."""


class ProcessLogs(msgspec.Struct, frozen=True):
    """The logs that a process keeps in memory and shows as system views."""

    queries: LogRows
    rejections: LogRows
    sources: LogRows


class StateSource(msgspec.Struct, frozen=True):
    """Rows that follow from a state."""

    rows: Callable[[State], Iterable[rows.Row]]


class LogSource(msgspec.Struct, frozen=True):
    """Rows of a log of this process; they do not depend on the state."""

    rows: Callable[[ProcessLogs], LogRows]


class EventsSource(msgspec.Struct, frozen=True):
    """The events of the journal up to a state."""


class AuditSource(msgspec.Struct, frozen=True):
    """The audit of all processes, as far as it is stored; it does not depend on the state."""


class QuarantineSource(msgspec.Struct, frozen=True):
    """The quarantine files that the datasets of a state hold."""


Source: TypeAlias = StateSource | LogSource | EventsSource | AuditSource | QuarantineSource


class SystemView(msgspec.Struct, frozen=True):
    """One system view. `cacheable`: the same statement on the same state has the same result."""

    name: str
    columns: pa.Schema
    source: Source
    cacheable: bool = True


_AT = pa.timestamp("us", "UTC")

DATASETS = SystemView(
    "datasets",
    pa.schema(
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
    ),
    StateSource(rows.datasets),
)
"""One row per dataset, in order of names."""

COLUMNS = SystemView(
    "columns",
    pa.schema(
        {"dataset": pa.string(), "position": pa.int32(), "name": pa.string(), "type": pa.string()}
    ),
    StateSource(rows.columns),
)
"""One row per column of a known schema; `type` is the name of the Arrow type, `position` counts from 1."""

VIEWS = SystemView(
    "views",
    pa.schema(
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
    ),
    StateSource(rows.views),
)
"""One row per view, in order of names; `sql` is null for a safe view.

`columns` and `reads` were determined when the view was put."""

OBJECTS = SystemView(
    "objects",
    pa.schema(
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
    ),
    StateSource(rows.objects),
)
"""One row per version that is the current one of its key, then one per older version that a dataset holds."""

STORES = SystemView(
    "stores",
    pa.schema(
        {
            "id": pa.string(),
            "url": pa.string(),
            "credentials": pa.string(),
            "copies": pa.int64(),
            "size_bytes": pa.int64(),
            "released": pa.int64(),
            "created_at": _AT,
            "seq": pa.int64(),
        }
    ),
    StateSource(rows.stores),
)
"""One row per store but `main`, in order of ids; for admins."""

EVENTS = SystemView(
    "events",
    pa.schema(
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
            "on_behalf_of": pa.string(),
        }
    ),
    EventsSource(),
)
"""One row per event; `dataset` is the name of its dataset, or null; `data` is JSON."""

QUARANTINE = SystemView(
    "quarantine",
    pa.schema(
        {
            "dataset": pa.string(),
            "key": pa.string(),
            "seq": pa.int64(),
            "line": pa.int64(),
            "column": pa.string(),
            "reason": pa.string(),
            "raw": pa.binary(),
        }
    ),
    QuarantineSource(),
    cacheable=False,  # its files may be collected
)
"""One row per record in quarantine; the first three columns name the file that holds it."""

QUERIES = SystemView(
    "queries",
    pa.schema(
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
    ),
    LogSource(lambda logs: logs.queries),
    cacheable=False,
)
"""One row per query in the log of this process, oldest first; `outcome` is null while the query runs."""

REJECTIONS = SystemView(
    "rejections",
    pa.schema(
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
    ),
    LogSource(lambda logs: logs.rejections),
    cacheable=False,
)
"""One row per ingest that this process refused, oldest first.

`sha256` and `size_bytes` are those of the file as it was received."""

AUDIT = SystemView(
    "audit",
    pa.schema(
        {
            "id": pa.string(),
            "at": _AT,
            "kind": pa.string(),
            "principal": pa.string(),
            "token": pa.string(),
            "address": pa.string(),
            "door": pa.string(),
            "route": pa.string(),
            "request_id": pa.string(),
            "status": pa.int32(),
            "code": pa.string(),
            "seq": pa.int64(),
            "reads": pa.list_(pa.struct({"name": pa.string(), "seq": pa.int64()})),
            "rows": pa.int64(),
        }
    ),
    AuditSource(),
    cacheable=False,
)
"""One row per refused access or read; for admins."""

SOURCES = SystemView(
    "sources",
    pa.schema(
        {
            "name": pa.string(),
            "uri": pa.string(),
            "pattern": pa.string(),
            "dataset": pa.string(),
            "mode": pa.string(),
            "options": pa.string(),
            "every": pa.int64(),
            "files_received": pa.int64(),
            "received_at": _AT,
            "looked_at": _AT,
            "listed": pa.int64(),
            "waiting": pa.int64(),
            "set_aside": pa.list_(
                pa.struct(
                    {
                        "file": pa.string(),
                        "code": pa.string(),
                        "detail": pa.string(),
                        "tries": pa.int64(),
                        "next_try_at": pa.string(),
                    }
                )
            ),
            "skipped": pa.int64(),
            "error": pa.string(),
            "created_at": _AT,
            "updated_at": _AT,
            "seq": pa.int64(),
        }
    ),
    LogSource(lambda logs: logs.sources),
    cacheable=False,
)
"""One row per watched source, in order of names, with what this process has seen of it; for admins."""

SYSTEM_VIEWS: Mapping[str, SystemView] = {
    view.name: view
    for view in (
        *(DATASETS, COLUMNS, VIEWS, OBJECTS, STORES),
        *(EVENTS, QUARANTINE, QUERIES, REJECTIONS, AUDIT),
        SOURCES,
    )
}
"""Every system view by its name."""
