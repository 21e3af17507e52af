"""A large made-up CSV, ingested and asked about; the bench measures the same at 500,000 rows."""

import os
from pathlib import Path

import duckdb
from bench.workers import write_workers
from process import Lakehouse

ROWS = int(os.environ.get("LAKEHOUSE_TEST_WORKERS", "50000"))
QUESTION = """SELECT role, count(*) AS workers, round(avg(rate), 6) AS rate, max(score) AS score
FROM workers WHERE state = 'IL' GROUP BY role ORDER BY role"""
TYPES = {
    "id": "int64",
    "zip": "string",
    "rate": "double",
    "hired_on": "date32[day]",
    "active": "bool",
    "score": "double",
    "notes": "string",
    "updated_at": "timestamp[us, tz=UTC]",
}


def test_workers_are_counted_as_duckdb_counts_them(lakehouse: Lakehouse, tmp_path: Path) -> None:
    path = tmp_path / "workers.csv"
    write_workers(path, ROWS)
    receipt = lakehouse.client.ingest_file("workers", path)
    types = {column["name"]: column["type"] for column in receipt["schema"]}
    assert receipt["row_count"] == receipt["rows_ingested"] == ROWS
    assert types | TYPES == types
    rows = lakehouse.client.sql(QUESTION)["rows"]
    assert len(rows) == 6
    assert [tuple(row) for row in rows] == _by_duckdb(path)


def _by_duckdb(path: Path) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        connection.execute(
            """CREATE TABLE workers AS SELECT * REPLACE (rate::DOUBLE AS rate, score::DOUBLE AS score)
            FROM read_csv($path, all_varchar = true, header = true, delim = ',', quote = '"')""",
            {"path": str(path)},
        )
        return connection.execute(QUESTION).fetchall()
