"""Sets of positions: what was added in any order comes out ascending, each once."""

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.formats.parquet.rewriting.row_edits import MarkedRows
from lakehouse.formats.parquet.row_positions import RowPositions

NUMBERS = st.integers(0, 300) | st.integers(0, 5_000_000)


@given(parts=st.lists(st.lists(NUMBERS, max_size=40), max_size=8))
def test_they_come_out_ascending_and_once(parts: list[list[int]]) -> None:
    rows = RowPositions()
    for part in parts:
        rows.add(pa.array(part, pa.int64()))
    expected = sorted({number for part in parts for number in part})
    assert rows.array().to_pylist() == expected
    assert len(rows) == len(expected)
    marks = MarkedRows(rows.bits)
    assert len(marks) == len(expected)
    last = max(expected, default=0)
    assert pc.indices_nonzero(marks.of(0, last + 20)).to_pylist() == expected
    assert [marks.before(row) for row in expected] == list(range(len(expected)))


@given(marked=st.sets(st.integers(0, 60)), first=st.integers(0, 70), count=st.integers(0, 30))
def test_marks_of_a_part_of_the_rows(marked: set[int], first: int, count: int) -> None:
    rows = RowPositions()
    rows.add(pa.array(sorted(marked), pa.int64()))
    marks = MarkedRows(rows.bits)
    part = range(first, first + count)
    assert marks.of(first, count).to_pylist() == [row in marked for row in part]
    assert marks.before(first) == sum(row < first for row in marked)
