"""The 22 real files: shape, names, types and every cell as independent readers see them."""

import gzip
import hashlib
from pathlib import Path
from typing import Any

import pytest
from expectations import (
    TEXT_BY_SECTION_4,
    Table,
    cells_sha256,
    disagreements,
    expectations,
)
from ingest_files import ingest, parsed, text_rows

from lakehouse.domain.errors import Refused

FILES = expectations()


def test_each_file_is_the_one_that_was_judged(real_files: Path) -> None:
    for file, expected in FILES.items():
        data = (real_files / file).read_bytes()
        content = gzip.decompress(data) if file.endswith(".gz") else data
        assert hashlib.sha256(content).hexdigest() == expected["sha256"], file


@pytest.mark.parametrize("file", FILES)
def test_agrees_with_independent_readers(file: str, real_files: Path, tmp_path: Path) -> None:
    result = ingest(real_files / file, tmp_path)
    table = None if isinstance(result, Refused) else _table(result)
    assert disagreements(file, FILES[file], table) == []


@pytest.mark.parametrize("file", [file for file in FILES if "cells_sha256" in FILES[file]])
def test_keeps_every_cell_when_read_as_text(file: str, real_files: Path, tmp_path: Path) -> None:
    names = [column.name for column in parsed(real_files / file, tmp_path).columns]
    result = parsed(real_files / file, tmp_path, types=tuple((name, "string") for name in names))
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
