"""Where in a file its rows are: the lines that a refusal names."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ingest_files import parsed

from lakehouse.formats.file_formats import FILE_FORMATS
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.options import Options
from lakehouse.formats.reader import ReadRequest
from lakehouse.formats.schema import Column, Contract

CSV = b'id,note\n1,"two\nlines"\n\n2,x\n3,"a ""b"""\n4,y\n'
LINES = [2, 5, 6, 7]


def positions(data: bytes, into: Path, rows: list[int], **given: Any) -> list[int]:
    """The positions of `rows`, after the file was read under the same request."""
    contract, limits = given.pop("contract", None), given.pop("limits", IngestLimits())
    options = Options(**given)
    parsed(data, into, contract=contract, limits=limits, **given)
    request = ReadRequest(
        source=into / "source",
        content_encoding=None,
        options=options,
        contract=contract,
        work_dir=lambda: into,
        limits=limits,
    )
    return FILE_FORMATS[options.format].positions()(request, rows)


@pytest.mark.parametrize("block_bytes", [1, 16, 1 << 20])
def test_lines_of_csv_rows_count_newlines_in_values_and_empty_lines(
    tmp_path: Path, block_bytes: int
) -> None:
    limits = IngestLimits(block_bytes=block_bytes)

    assert positions(CSV, tmp_path, [0, 1, 2, 3], limits=limits) == LINES
    assert positions(CSV, tmp_path, [1, 3], limits=limits) == [5, 7]


def test_without_rows_there_are_no_lines(tmp_path: Path) -> None:
    assert positions(CSV, tmp_path, []) == []


def test_csv_rows_in_quarantine_do_not_count_but_their_lines_do(tmp_path: Path) -> None:
    data = b"id,note\n1,a\nbad\n2,b\n3,c,d\n4,e\nx,f\n5,g\n"
    contract = Contract((Column("id", "int64"), Column("note", "string")))

    found = positions(data, tmp_path, [0, 1, 2, 3], on_error="quarantine", contract=contract)

    assert found == [2, 4, 6, 8]


def test_lines_of_a_csv_file_in_another_encoding_without_a_header(tmp_path: Path) -> None:
    data = '1;"é\nè"\n2;ü\n'.encode("latin-1")

    found = positions(data, tmp_path, [0, 1], encoding="iso8859-1", delimiter=";", header=False)

    assert found == [1, 3]


def test_lines_of_ndjson_rows_skip_empty_lines_and_quarantine(tmp_path: Path) -> None:
    data = b'{"id": 1}\n\n{"id": 2}\n{"id": \n{"id": "x"}\n{"id": 3}\n'
    contract = Contract((Column("id", "int64"),))
    given = {"format": "ndjson", "on_error": "quarantine", "contract": contract}

    assert positions(data, tmp_path, [0, 1, 2], **given) == [1, 3, 6]


def test_a_row_of_a_parquet_file_has_its_number_from_1(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1, 2, 3]}), tmp_path / "made")
    data = (tmp_path / "made").read_bytes()

    assert positions(data, tmp_path, [0, 2], format="parquet") == [1, 3]
    assert FILE_FORMATS["parquet"].position == "row"
