"""Sets of positions: what was added in any order comes out ascending, each once."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.formats.parquet import row_positions
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
    pieces = [piece.to_pylist() for piece in rows.pieces()]
    assert all(pieces)
    assert [number for piece in pieces for number in piece] == expected


def test_a_piece_holds_a_limited_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_positions, "_PIECE_BITS", 64)
    rows = RowPositions()
    rows.add(pa.array(range(1_000), pa.int64()))
    assert max(map(len, rows.pieces())) == 64
    assert rows.array().to_pylist() == list(range(1_000))
