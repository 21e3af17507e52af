"""Row groups that keep all their rows are copied: the file reads as one that was rewritten."""

from itertools import pairwise
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rewriting_file import (
    COLUMNS,
    ROWS,
    SMALL,
    TABLE,
    bits,
    chunk_bytes,
    identity,
    new_files,
    removed,
    without,
)

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.parquet.rewriting.program import rewritten
from lakehouse.formats.parquet.rewriting.request import RewriteRequest
from lakehouse.formats.parquet.rewriting.row_edits import MarkedRows
from lakehouse.formats.parquet.rewriting.splicing import Piece, SplicedFile, read_footer
from lakehouse.formats.parquet.rewriting.untouched_groups import (
    BATCH_ROWS,
    GroupRun,
    batch_rows,
    planned,
)
from lakehouse.formats.parquet.writer import written


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
            assert chunk_bytes(before, old) == chunk_bytes(after, new)


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
