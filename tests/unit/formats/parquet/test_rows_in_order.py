"""Rows of an object that are written again: they came in order, or nothing is written."""

import pyarrow as pa
import pytest

from lakehouse.formats.parquet.rewriter import in_order


def numbered(*batches: list[int]) -> pa.RecordBatchReader:
    schema = pa.schema([("n", pa.string()), ("row", pa.int64())])
    made = [
        pa.record_batch([pa.array([str(row) for row in rows]), pa.array(rows, pa.int64())], schema)
        for rows in batches
    ]
    return pa.RecordBatchReader.from_batches(schema, made)


def test_rows_in_order_lose_their_numbers() -> None:
    found = in_order(numbered([0, 1, 2], [], [3, 4]), "row").read_all()
    assert found.to_pydict() == {"n": ["0", "1", "2", "3", "4"]}


@pytest.mark.parametrize(
    "batches",
    [([0, 2, 1],), ([2, 3], [0, 1]), ([0, 1], [1, 2]), ([1, 2],), ([0, 1], [3])],
)
def test_rows_in_another_order_are_refused(batches: tuple[list[int], ...]) -> None:
    with pytest.raises(ValueError, match="another order"):
        in_order(numbered(*batches), "row").read_all()
