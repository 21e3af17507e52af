"""Names of columns: kept as written where they can be, unique without regard to ASCII case."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_files import by_duckdb, parsed

from lakehouse.formats.csv.header import name_columns


@pytest.mark.parametrize(
    ("written", "names"),
    [
        (["a", "b"], ["a", "b"]),
        ([" a ", 'q"', "é,;"], [" a ", 'q"', "é,;"]),
        (["a", "", "c", ""], ["a", "column2", "c", "column4"]),
        (["a", "a", "a"], ["a", "a_2", "a_3"]),
        (["a", "A", "a"], ["a", "A_2", "a_3"]),
        (["a", "a_2", "a"], ["a", "a_2", "a_3"]),
        (["a", "a", "a_2", "A_3"], ["a", "a_4", "a_2", "A_3"]),
        (["", "column1"], ["column1", "column1_2"]),
        (["Column2", ""], ["Column2", "column2_2"]),
        (["É", "é"], ["É", "é"]),
        (["a_2", "a", "a", "a_2"], ["a_2", "a", "a_3", "a_2_2"]),
        (["İ", "i"], ["İ", "i"]),
    ],
)
def test_names(written: list[str], names: list[str]) -> None:
    header = name_columns(written)
    assert list(header.names) == names
    changed = [(i, w, n) for i, (w, n) in enumerate(zip(written, names, strict=True), 1) if w != n]
    assert [(item.position, item.was, item.name) for item in header.renamed] == changed


@given(st.lists(st.sampled_from(["", "a", "A", "a_2", "a_2_2", "column1", "COLUMN2", "b", "B_3"])))
def test_names_are_unique_and_the_first_of_each_stays(written: list[str]) -> None:
    names = name_columns(written).names
    assert len({name.lower() for name in names}) == len(written)
    filled = [name or f"column{position}" for position, name in enumerate(written, 1)]
    for index, name in enumerate(filled):
        if name.lower() not in [earlier.lower() for earlier in filled[:index]]:
            assert names[index] == name


def test_ten_thousand_equal_names_take_no_time() -> None:
    assert name_columns(["a"] * 10_000).names[-1] == "a_10000"


def test_header_cells_are_read_like_any_other(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbf"a ""b""",NA,"",x y\n1,2,3,4\n'
    result = parsed(data, tmp_path, null_tokens=("NA",))
    assert [column.name for column in result.columns] == ['a "b"', "NA", "column3", "x y"]
    assert [(r.position, r.was, r.name) for r in result.renamed] == [(3, "", "column3")]


def test_without_header_the_first_record_is_a_row(tmp_path: Path) -> None:
    result = parsed(b"\n1,x\n2,y\n", tmp_path, header=False)
    assert [column.name for column in result.columns] == ["column1", "column2"]
    assert result.renamed == ()
    assert by_duckdb(result) == [(1, "x"), (2, "y")]
