"""A result of many batches, in each format."""

import json
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from duckdb_sessions import cursor

from lakehouse.query.render.documents import DOCUMENTS
from lakehouse.query.worker.session import document

Ask = Callable[..., bytes]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    connection = cursor()

    def ask(sql: str, format_: str) -> bytes:
        _, pieces, _ = document(connection.cursor(), sql, None, format_)
        return b"".join(pieces)

    yield ask
    connection.close()


def arrow(data: bytes) -> pa.Table:
    return pa.ipc.open_stream(data).read_all()


def parquet(data: bytes) -> pa.Table:
    return pq.read_table(pa.BufferReader(data))


@pytest.mark.parametrize("format_", DOCUMENTS)
def test_a_result_of_many_batches_has_every_row_once(ask: Ask, format_: str) -> None:
    data = ask("SELECT i AS a FROM range(300000) t(i)", format_)
    rows = {
        "json": lambda: [row[0] for row in json.loads(data)["rows"]],
        "ndjson": lambda: [json.loads(line)["a"] for line in data.splitlines()],
        "csv": lambda: [int(line) for line in data.split()[1:]],
        "arrow": lambda: arrow(data)["a"].to_pylist(),
        "parquet": lambda: parquet(data)["a"].to_pylist(),
    }[format_]()
    assert rows == list(range(300_000))
