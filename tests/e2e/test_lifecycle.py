"""Ingest, ask, die, come back: the whole path through a real process, on a directory and on S3."""

import datetime
import decimal
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest
from crowd import Crowd, check_once_each, ingests, puts, send
from process import Client, Lakehouse
from tables import QUESTIONS, TABLES, duckdb_over, find_tables

PUTTING, INGESTING = 12, 8
BEFORE_THE_KILL = 80
"""Changes acknowledged before the process is killed."""

Answers = dict[str, list[list[Any]]]


@pytest.fixture(scope="session")
def files(real_files: Path) -> dict[str, Path]:
    return find_tables(real_files)


@pytest.fixture(scope="session")
def expected(files: dict[str, Path]) -> Answers:
    """What DuckDB answers over the CSV files themselves."""
    with duckdb_over(files) as connection:
        return {
            question: [_as_json(row) for row in _rows(connection.sql(question))]
            for question in QUESTIONS
        }


def test_answers_what_duckdb_answers_over_the_files(
    lakehouse: Lakehouse, files: dict[str, Path], expected: Answers
) -> None:
    client = lakehouse.client
    _ingest_all(client, files)
    assert _answers(client) == expected
    zip_code = {c["name"]: c["type"] for c in client.get("/v1/catalog/manifest/zipcodes")["schema"]}
    assert zip_code["zip_code"] == "string"
    for name, path in files.items():
        assert client.ingest_file(name, path)["reused"], name
    assert len(client.events()) == len(files)


def test_keeps_every_acknowledged_change_through_a_kill(
    lakehouse: Lakehouse, files: dict[str, Path]
) -> None:
    client = lakehouse.client
    _ingest_all(client, files)
    answers = _answers(client)

    crowd = Crowd(client)
    with ThreadPoolExecutor(PUTTING + INGESTING) as pool:
        changes = [*map(puts, range(PUTTING)), *map(ingests, range(INGESTING))]
        clients = [pool.submit(crowd.run, each) for each in changes]
        crowd.wait_for(BEFORE_THE_KILL, clients)
        lakehouse.kill()
        for one in clients:
            one.result()
    assert crowd.unknown, "the kill came when nothing was in flight"

    assert lakehouse.journal("verify")["verified"]
    lakehouse.start()
    again = {change: send(client, change).json["seq"] for change in crowd.unknown if change.key}
    for change, seq in crowd.acknowledged.items():
        if change.key:
            assert send(client, change).json["seq"] == seq, change.name
    check_once_each(client, crowd.acknowledged | again, crowd.unknown)
    assert _answers(client) == answers
    replayed = lakehouse.journal("replay")
    assert lakehouse.journal("verify")["sha256"] == client.get("/v1/journal/head")["sha256"]
    assert lakehouse.stop() == 0
    assert lakehouse.journal("replay") == replayed


def _ingest_all(client: Client, files: Mapping[str, Path]) -> None:
    for name, path in files.items():
        receipt = client.ingest_file(name, path)
        assert [column["name"] for column in receipt["schema"]] == TABLES[name].header.split(",")


def _answers(client: Client) -> Answers:
    return {question: client.sql(question)["rows"] for question in QUESTIONS}


def _rows(result: duckdb.DuckDBPyRelation) -> list[tuple[Any, ...]]:
    """All rows, through Arrow: by itself DuckDB needs pytz for an instant."""
    columns = result.to_arrow_table().itercolumns()
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


def _as_json(row: tuple[Any, ...]) -> list[Any]:
    return [_ENCODERS.get(type(cell), lambda same: same)(cell) for cell in row]


_ENCODERS: Mapping[type, Callable[[Any], Any]] = {
    datetime.datetime: lambda at: at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    decimal.Decimal: int,  # Arrow has no HUGEINT, which a sum is
}
