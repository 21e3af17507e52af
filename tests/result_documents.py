"""Results as the documents that a query worker makes, and their readers that are not ours."""

import json
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from duckdb_sessions import cursor

from lakehouse.query.worker.execution import document


def rendered(sql: str, format_: str) -> bytes:
    """The whole document of a statement in one of the formats."""
    with cursor() as connection:
        _, pieces, _ = document(connection, sql, None, format_)
        return b"".join(pieces)


def as_json(connection: duckdb.DuckDBPyConnection, sql: str, values: Any = None) -> Any:
    """The JSON document of a statement, decoded."""
    _, pieces, _ = document(connection.cursor(), sql, values)
    return json.loads(b"".join(pieces))


def arrow(data: bytes) -> pa.Table:
    return pa.ipc.open_stream(data).read_all()


def parquet(data: bytes) -> pa.Table:
    return pq.read_table(pa.BufferReader(data))
