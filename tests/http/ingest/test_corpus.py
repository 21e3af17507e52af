"""The corpus of dialects: each file goes in over HTTP and comes back as its expectation says.

Owns how an expectation is read and judged; tests/corpus/README.md says what its members mean.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from lake_server import Lake
from refusals import nothing_changes, refused

CORPUS = Path(__file__).parents[2] / "corpus"
Fresh = Callable[[], str]


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one file becomes: a table, or the refusal `code`. Misspelled members are errors."""

    why: str
    options: Mapping[str, str | list[str]] = {}
    columns: list[tuple[str, str]] = []
    rows: list[list[Any]] = []
    quarantined: int = 0
    code: str | None = None
    line: int | None = None


EXPECTED = msgspec.json.decode(
    (CORPUS / "expectations.json").read_bytes(), type=dict[str, Expected]
)
TABLES = [file for file, expected in EXPECTED.items() if expected.code is None]
REFUSALS = [file for file, expected in EXPECTED.items() if expected.code is not None]


def test_each_file_has_an_expectation_and_each_expectation_a_file() -> None:
    assert sorted(EXPECTED) == sorted(path.name for path in CORPUS.glob("*.csv"))


@pytest.mark.parametrize("file", TABLES)
def test_a_file_comes_back_as_expected(lake: Lake, fresh: Fresh, file: str) -> None:
    name, expected = fresh(), EXPECTED[file]
    receipt = lake.ingest(query(name, expected), (CORPUS / file).read_bytes())
    assert receipt.status == 200, receipt
    columns = [(column["name"], column["type"]) for column in receipt.json["schema"]]
    assert columns == expected.columns
    assert receipt.json["rows_ingested"] == len(expected.rows)
    assert receipt.json.get("rows_quarantined", 0) == expected.quarantined
    table = lake.sql(f"FROM {name}")
    assert [column["name"] for column in table.json["columns"]] == [name for name, _ in columns]
    assert exact(table.json["rows"]) == exact(expected.rows)


@pytest.mark.parametrize("file", REFUSALS)
def test_a_file_is_refused_as_expected(lake: Lake, fresh: Fresh, file: str) -> None:
    name, expected = fresh(), EXPECTED[file]
    assert expected.code and not expected.columns
    with nothing_changes(lake):
        answer = lake.ingest(query(name, expected), (CORPUS / file).read_bytes())
    errors = refused(answer, 422, expected.code).json.get("errors", [])
    assert [error["line"] for error in errors] == ([expected.line] if expected.line else [])


def query(name: str, expected: Expected) -> str:
    """The query string of an ingest."""
    return urlencode({"name": name, **expected.options}, doseq=True)


def exact(rows: list[list[Any]]) -> list[str]:
    """Rows as text: Python takes 1 for 1.0 and for True, and 0.0 for -0.0."""
    return [json.dumps(row) for row in rows]
