"""A header of ten thousand columns."""

from pathlib import Path

from ingest_files import by_duckdb, parsed


def test_ten_thousand_columns_are_read(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(10_000)]
    row = ",".join(map(str, range(10_000)))
    result = parsed(f"{','.join(names)}\n{row}\n".encode(), tmp_path)
    assert by_duckdb(result) == [tuple(range(10_000))]
