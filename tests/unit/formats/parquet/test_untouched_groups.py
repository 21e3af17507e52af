"""Row groups that keep all their rows are copied: the file reads as one that was rewritten."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.parquet.field_ids import with_field_ids
from lakehouse.formats.parquet.rewriting import program
from lakehouse.formats.parquet.rewriting.program import rewritten
from lakehouse.formats.parquet.rewriting.request import TARGET_BYTES, RewriteRequest
from lakehouse.formats.parquet.rewriting.row_edits import MarkedRows
from lakehouse.formats.parquet.rewriting.splicing import Piece, SplicedFile, read_footer
from lakehouse.formats.parquet.rewriting.untouched_groups import (
    BATCH_ROWS,
    GroupRun,
    batch_rows,
    planned,
)
from lakehouse.formats.parquet.row_positions import RowPositions
from lakehouse.formats.parquet.writer import WRITER, ParquetFile, write_parquet, written
from lakehouse.formats.schema import Column
from lakehouse.objects.extents import Identity
from lakehouse.objects.file_identity import file_identity

SMALL = IngestLimits(row_group_rows=100)
ROWS = 1_050
COLUMNS = (
    Column("i", "int64"),
    Column("s", "string"),
    Column("f", "double"),
    Column("n", "list<element: int64>"),
)
TYPES = {"i": pa.int64(), "s": pa.string(), "f": pa.float64(), "n": pa.list_(pa.int64())}
TABLE = pa.table(
    {
        "i": range(ROWS),
        "s": [f"text {n % 7}" if n % 5 else None for n in range(ROWS)],
        "f": [n / 3 for n in range(ROWS)],
        "n": [[n] * (n % 3) for n in range(ROWS)],
    }
)


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "IngestLimits", lambda: SMALL)


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A file by our writer, in row groups of 100 rows."""
    schema = with_field_ids(pa.schema(list(TYPES.items())), WRITER)
    batches = TABLE.cast(schema).to_batches()
    (file,) = write_parquet(batches, schema, tmp_path, SMALL)
    return Path(str(file.content))


def removed(
    file: Path, rows: Sequence[int], into: Path, columns: tuple[Column, ...] | None = COLUMNS
) -> Path:
    """The one file that is left of `file` without these rows."""
    (new,) = new_files(file, rows, into, columns)
    assert new.row_count == ROWS - len(rows)
    path = Path(str(new.content))
    assert new == written(path, new.row_count)
    return path


def new_files(
    file: Path,
    rows: Sequence[int],
    into: Path,
    columns: tuple[Column, ...] | None = COLUMNS,
    target_bytes: int = TARGET_BYTES,
) -> list[ParquetFile]:
    """The files that `file` becomes without these rows."""
    into.mkdir()
    positions = into / "removed"
    positions.write_bytes(bits(rows))
    request = RewriteRequest(
        *(str(file), identity(file), str(positions), columns, str(into)), target_bytes=target_bytes
    )
    found = rewritten(request)
    assert found.problem is None
    return list(found.parquet_files(into))


def bits(rows: Sequence[int]) -> bytes:
    """These rows as a request has them."""
    positions = RowPositions()
    positions.add(pa.array(rows, pa.int64()))
    return positions.bits


def identity(path: Path) -> Identity:
    with path.open("rb") as file:
        return file_identity(file.fileno())


def without(rows: Sequence[int]) -> pa.Table:
    gone = set(rows)
    return TABLE.take([n for n in range(ROWS) if n not in gone])


@pytest.mark.parametrize(
    "rows",
    [
        [0],
        [1_049],
        [100],
        [199, 200],
        list(range(300, 400)),
        list(range(250, 350)),
        [5, 505, 905],
        list(range(100)),
    ],
    ids=repr,
)
def test_it_reads_as_the_other_rows_in_their_order(
    ours: Path, tmp_path: Path, rows: list[int]
) -> None:
    path = removed(ours, rows, tmp_path / "new")
    expected = without(rows)
    assert pq.read_table(path).equals(expected)
    where = f"FROM '{path}' WHERE i BETWEEN 90 AND 420 AND f > 31"
    i = expected.column("i").to_pylist()
    found = duckdb.execute(f"SELECT i {where} ORDER BY file_row_number").fetchall()
    assert [row[0] for row in found] == [n for n in i if 90 <= n <= 420 and n / 3 > 31]
    assert duckdb.execute(f"SELECT s, n FROM '{path}'").fetchall() == list(
        zip(expected.column("s").to_pylist(), expected.column("n").to_pylist(), strict=True)
    )


def test_the_bytes_of_untouched_groups_are_the_same(ours: Path, tmp_path: Path) -> None:
    path = removed(ours, [510], tmp_path / "new")
    was, now = pq.read_metadata(ours), pq.read_metadata(path)
    assert now.num_row_groups == was.num_row_groups
    assert now.schema == was.schema
    assert now.metadata == was.metadata
    assert now.created_by == was.created_by
    before, after = ours.read_bytes(), path.read_bytes()
    for number in range(was.num_row_groups - 1):
        for column in range(was.num_columns):
            old, new = was.row_group(number).column(column), now.row_group(number).column(column)
            if number == 5:
                continue
            assert old.statistics == new.statistics
            assert _bytes(before, old) == _bytes(after, new)


def test_the_same_change_gives_the_same_bytes(ours: Path, tmp_path: Path) -> None:
    first = removed(ours, [510], tmp_path / "first").read_bytes()
    assert removed(ours, [510], tmp_path / "second").read_bytes() == first


def test_it_can_be_done_again_and_again(ours: Path, tmp_path: Path) -> None:
    path, left = ours, list(range(ROWS))
    for number, at in enumerate((0, 700, 700, 300)):
        path = _without_one(path, at, tmp_path / f"{number}")
        del left[at]
    assert pq.read_table(path).column("i").to_pylist() == left


def test_small_groups_do_not_become_many(ours: Path, tmp_path: Path) -> None:
    metadata = pq.read_metadata(removed(ours, list(range(110, 190)), tmp_path / "new"))
    sizes = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
    assert sizes == [100, 20, 100, 100, 100, 100, 100, 100, 100, 100, 50]
    runs = planned(metadata, MarkedRows(bits([0])), SMALL, may_copy=True)
    assert [(run.groups[0], len(run.groups), run.is_copied) for run in runs] == [
        (0, 2, False),
        *((number, 1, True) for number in range(2, 11)),
    ]


@pytest.mark.parametrize("rows", [[0], list(range(0, ROWS, 50)), list(range(100, ROWS))])
def test_a_large_file_becomes_several_of_about_the_same_size(
    ours: Path, tmp_path: Path, rows: list[int]
) -> None:
    size_bytes = ours.stat().st_size - pq.read_metadata(ours).serialized_size
    files = new_files(ours, rows, tmp_path / "new", target_bytes=size_bytes // 3)
    paths = [Path(str(file.content)) for file in files]
    assert [written(path, file.row_count) for path, file in zip(paths, files, strict=True)] == files
    assert pa.concat_tables(map(pq.read_table, paths)).equals(without(rows))
    if len(rows) < ROWS / 2:
        ends = (0, 400, 800, ROWS)
        counts = [
            stop - start - len(set(range(start, stop)) & set(rows))
            for start, stop in pairwise(ends)
        ]
        assert [file.row_count for file in files] == counts
    else:
        assert len(files) == 1


def test_a_row_group_is_decoded_at_once_where_our_writer_bounds_it(ours: Path) -> None:
    metadata = pq.read_metadata(ours)

    def at_once(*groups: int, limits: IngestLimits = SMALL, is_ours: bool = True) -> int:
        run = GroupRun(list(groups), 100 * groups[0], ROWS, 0, 1, is_copied=False)
        return batch_rows(metadata, run, limits, is_ours=is_ours)

    assert (at_once(9), at_once(10)) == (100, 50)
    assert at_once(9, 10) == BATCH_ROWS
    assert at_once(9, is_ours=False) == BATCH_ROWS
    assert at_once(9, limits=msgspec.structs.replace(SMALL, row_group_rows=99)) == BATCH_ROWS
    assert at_once(9, limits=msgspec.structs.replace(SMALL, row_group_bytes=99)) == BATCH_ROWS


def test_files_of_other_writers_and_of_other_types_are_rewritten(
    ours: Path, tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign.parquet"
    pq.write_table(TABLE, foreign, row_group_size=100, compression="zstd")
    path = removed(foreign, [510], tmp_path / "of-foreign")
    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    assert {group.column(0).compression for group in groups} == {"SNAPPY"}
    assert pq.read_table(path).equals(without([510]))
    wider = (msgspec.structs.replace(COLUMNS[0], type="double"), *COLUMNS[1:])
    path = removed(ours, [510], tmp_path / "wider", wider)
    assert pq.read_schema(path).field("i").type == pa.float64()


def test_what_lies_outside_the_row_groups_is_left_out(tmp_path: Path) -> None:
    source, target = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pq.write_table(TABLE, source, row_group_size=100, write_page_index=True)
    footer = read_footer(source)
    with target.open("wb") as sink:
        file = SplicedFile(footer, sink)
        file.add(Piece(source, (3, 1)))
        assert file.finish() == 200
    chunk = pq.read_metadata(target).row_group(0).column(0)
    assert not chunk.has_offset_index
    assert not chunk.has_column_index
    assert pq.read_table(target).column("i").to_pylist() == [*range(300, 400), *range(100, 200)]


def test_columns_that_are_stored_in_another_way_are_refused(tmp_path: Path) -> None:
    source, other = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pq.write_table(TABLE, source)
    pq.write_table(TABLE.rename_columns(["j", "s", "f", "n"]), other)
    with pytest.raises(ValueError, match="stored in another way"), (tmp_path / "c").open("wb") as f:
        SplicedFile(read_footer(other), f).add(Piece(source, (0,)))


def _without_one(path: Path, at: int, into: Path) -> Path:
    into.mkdir()
    (into / "removed").write_bytes(bits([at]))
    request = RewriteRequest(
        *(str(path), identity(path), str(into / "removed"), COLUMNS, str(into))
    )
    found = rewritten(request)
    return Path(str(found.parquet_files(into)[0].content))


def _bytes(body: bytes, chunk: pq.ColumnChunkMetaData) -> bytes:
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    return body[start : start + chunk.total_compressed_size]


def test_a_file_that_changed_since_it_was_verified_is_a_problem(ours: Path, tmp_path: Path) -> None:
    was = identity(ours)
    body = ours.read_bytes()
    ours.unlink()
    ours.write_bytes(body)
    (tmp_path / "removed").write_bytes(bits([5]))
    (tmp_path / "new").mkdir()
    request = RewriteRequest(
        *(str(ours), was, str(tmp_path / "removed"), COLUMNS, str(tmp_path / "new"))
    )
    assert rewritten(request).problem == "the file is another one than was verified"


def with_new_values(file: Path, rows: Sequence[int], values: pa.Table, into: Path) -> Path:
    """The one file that `file` becomes when these rows get new values."""
    into.mkdir()
    (into / "rows").write_bytes(bits(rows))
    with (
        pa.OSFile(str(into / "values"), "wb") as sink,
        pa.ipc.new_stream(sink, values.schema) as out,
    ):
        out.write_table(values, max_chunksize=3)
    places = [str(each) for each in (into / "rows", into, into / "values")]
    request = RewriteRequest(
        *(str(file), identity(file), places[0], COLUMNS, places[1]), values=places[2]
    )
    found = rewritten(request)
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
        _bytes(before, was.row_group(group).column(column))
        == _bytes(after, now.row_group(group).column(column))
        for group in range(was.num_row_groups - 1)
        for column in range(was.num_columns)
    ]
    assert [place for place, each in enumerate(same) if not each] == [5 * was.num_columns + 1]
    group = now.row_group(5)
    chunks = [group.column(column) for column in range(now.num_columns)]
    assert group.total_byte_size == sum(chunk.total_uncompressed_size for chunk in chunks)


def test_another_number_of_values_than_of_rows_is_a_problem(ours: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="ValueError"):
        with_new_values(ours, [5, 6], pa.table({"s": ["x"]}), tmp_path / "new")
