"""The 22 real files: shape, names, types and every cell as independent readers see them."""

from pathlib import Path
from typing import Any

import pytest
from expectations import (
    ABSENT,
    DATA,
    TEXT_BY_SECTION_4,
    Table,
    cells_sha256,
    disagreements,
    expectations,
)
from ingest_files import ingest, parsed, text_rows

from lakehouse.domain.errors import Refused

FILES = expectations()
pytestmark = pytest.mark.skipif(not FILES, reason=ABSENT)


@pytest.mark.parametrize("file", FILES)
def test_agrees_with_independent_readers(file: str, tmp_path: Path) -> None:
    result = ingest(DATA / file, tmp_path)
    table = None if isinstance(result, Refused) else _table(result)
    assert disagreements(file, FILES[file], table) == []


@pytest.mark.parametrize("file", [file for file in FILES if "cells_sha256" in FILES[file]])
def test_keeps_every_cell_when_read_as_text(file: str, tmp_path: Path) -> None:
    names = [column.name for column in parsed(DATA / file, tmp_path).columns]
    result = parsed(DATA / file, tmp_path, types=tuple((name, "string") for name in names))
    assert cells_sha256(text_rows(result)) == FILES[file]["cells_sha256"]


def test_exceptions_name_columns_that_others_type() -> None:
    for file, name in TEXT_BY_SECTION_4:
        assert name in FILES[file]["kinds_agreed"]


def _table(result: Any) -> Table:
    return Table(
        tuple(column.name for column in result.columns),
        tuple(column.type for column in result.columns),
        result.row_count,
    )
