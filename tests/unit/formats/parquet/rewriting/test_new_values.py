"""Rows that get new values: they have these, and all else reads as before."""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rewriting_file import (
    COLUMNS,
    ROWS,
    TABLE,
    TYPES,
    bits,
    chunk_bytes,
    identity,
)

from lakehouse.formats.parquet.rewriting.program import rewritten
from lakehouse.formats.parquet.rewriting.request import RewriteRequest, RewrittenFile
from lakehouse.formats.parquet.writer import written


def rewritten_by(file: Path, rows: Sequence[int], numbered: pa.Table, into: Path) -> RewrittenFile:
    """What rewriting these rows answers; the last column of `numbered` has their positions."""
    into.mkdir()
    (into / "rows").write_bytes(bits(rows))
    with (
        pa.OSFile(str(into / "values"), "wb") as sink,
        pa.ipc.new_stream(sink, numbered.schema) as out,
    ):
        out.write_table(numbered, max_chunksize=3)
    places = [str(each) for each in (into / "rows", into, into / "values")]
    request = RewriteRequest(
        *(str(file), identity(file), places[0], COLUMNS, places[1]), values=places[2]
    )
    return rewritten(request)


def with_new_values(file: Path, rows: Sequence[int], values: pa.Table, into: Path) -> Path:
    """The one file that `file` becomes when these rows get new values."""
    numbered = values.append_column("row", pa.array(rows, pa.int64()))
    found = rewritten_by(file, rows, numbered, into)
    assert found.problem is None
    (new,) = found.parquet_files(into)
    path = Path(str(new.content))
    assert new == written(path, ROWS)
    assert [each.name for each in into.iterdir() if each.suffix == ".parquet"] == [path.name]
    return path


@pytest.mark.parametrize("is_ours", [True, False])
@pytest.mark.parametrize("column", ["i", "s", "n"])
@pytest.mark.parametrize("rows", [[0], [99, 100, 101], [1_049], list(range(150, 450)), range(ROWS)])
def test_new_values_stand_in_their_rows_and_nowhere_else(
    ours: Path, tmp_path: Path, rows: Sequence[int], column: str, is_ours: bool
) -> None:
    file = ours
    if not is_ours:
        file = tmp_path / "foreign.parquet"
        pq.write_table(TABLE, file, row_group_size=70)
    new = {"i": [-n for n in rows], "s": [f"new {n}" for n in rows], "n": [[n, n] for n in rows]}
    values = pa.table({column: pa.array(new[column], TYPES[column])})
    path = with_new_values(file, list(rows), values, tmp_path / "new")
    expected = TABLE.column(column).to_pylist()
    for row, value in zip(rows, new[column], strict=True):
        expected[row] = value
    found = pq.read_table(path)
    assert found.column(column).to_pylist() == expected
    assert found.drop([column]).equals(TABLE.drop([column]))
    # DuckDB skips row groups by their statistics.
    shown = "i" if column == "i" else "len(s)" if column == "s" else "len(n)"
    sql = f"SELECT count(*) FROM '{path}' WHERE {shown} < 0 OR {shown} > 1"
    (count,) = duckdb.execute(sql).fetchone() or ()
    plain = (
        expected if column == "i" else [len(each) if each is not None else 0 for each in expected]
    )
    assert count == sum(each < 0 or each > 1 for each in plain)


def test_only_columns_with_new_values_are_encoded_again(ours: Path, tmp_path: Path) -> None:
    values = pa.table({"s": ["x" * 1_000]})
    path = with_new_values(ours, [505], values, tmp_path / "new")
    before, after = ours.read_bytes(), path.read_bytes()
    was, now = pq.read_metadata(ours), pq.read_metadata(path)
    assert now.num_row_groups == was.num_row_groups
    same = [
        chunk_bytes(before, was.row_group(group).column(column))
        == chunk_bytes(after, now.row_group(group).column(column))
        for group in range(was.num_row_groups - 1)
        for column in range(was.num_columns)
    ]
    assert [place for place, each in enumerate(same) if not each] == [5 * was.num_columns + 1]
    group = now.row_group(5)
    chunks = [group.column(column) for column in range(now.num_columns)]
    assert group.total_byte_size == sum(chunk.total_uncompressed_size for chunk in chunks)


def test_another_number_of_values_than_of_rows_is_a_problem(ours: Path, tmp_path: Path) -> None:
    numbered = pa.table({"s": ["x"], "row": [5]})
    assert rewritten_by(ours, [5, 6], numbered, tmp_path / "new").problem == "ValueError"


@pytest.mark.parametrize(
    "positions",
    [[3, 4, 6, 5, 7], [7, 3, 4, 5, 6], [3, 4, 5, 3, 4], [3, 4, 5, 6, 8], [3, 4, 5, 6, 6]],
)
def test_new_values_in_another_order_are_a_problem_and_not_written(
    ours: Path, tmp_path: Path, positions: list[int]
) -> None:
    """DuckDB answers rows in any order where it plans a join, and a value would get to another row."""
    numbered = pa.table({"i": [0] * 5, "row": positions})
    found = rewritten_by(ours, [3, 4, 5, 6, 7], numbered, tmp_path / "new")
    assert found.problem == "ValueError"
    assert list((tmp_path / "new").glob("*.parquet")) == []
