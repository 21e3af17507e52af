"""The made-up workers: one seed, one file; and ingest reads from it what was put in."""

import csv
import hashlib
from pathlib import Path

from bench.workers import write_workers
from ingest_files import by_duckdb, parsed, types_of


def test_one_seed_gives_one_file(tmp_path: Path) -> None:
    write_workers(tmp_path / "a.csv", rows=1000)
    write_workers(tmp_path / "b.csv", rows=1000, seed=2)
    digest = hashlib.sha256((tmp_path / "a.csv").read_bytes()).hexdigest()
    assert digest == "f9c723c07178c7343ca2ac311f81a6b80ce71b8dfb35957354e29d429a1d3655"
    assert (tmp_path / "a.csv").read_bytes() != (tmp_path / "b.csv").read_bytes()


def test_workers_are_typed_from_every_value(tmp_path: Path) -> None:
    write_workers(tmp_path / "workers.csv", rows=1000)
    result = parsed(tmp_path / "workers.csv", tmp_path / "out")
    assert types_of(result) == {
        "id": "int64",
        "name": "string",
        "role": "string",
        "city": "string",
        "state": "string",
        "zip": "string",
        "email": "string",
        "rate": "double",
        "hired_on": "date32[day]",
        "active": "bool",
        "score": "double",
        "notes": "string",
        "updated_at": "timestamp[us, tz=UTC]",
    }
    with (tmp_path / "workers.csv").open(newline="", encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    read = by_duckdb(result)
    assert [row[5] for row in read] == [row["zip"] for row in written]
    assert [row[11] or "" for row in read] == [row["notes"] for row in written]
    assert {None, ""} < {row[11] for row in read}
