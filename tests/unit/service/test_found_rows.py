"""What a search answers, put together: positions by object, ascending, however they come."""

import pyarrow as pa
import pytest

from lakehouse.domain.errors import RefusedError
from lakehouse.query.wire.messages import RowSearch
from lakehouse.service.rows.finder import _collected

SEARCH = RowSearch("true", "2026-01-01T00:00:00.000000Z")


def reader(*batches: list[tuple[int, int]]) -> pa.RecordBatchReader:
    """Of batches of (object, row)."""
    schema = pa.schema({"object": pa.uint64(), "row": pa.int64()})
    made = [
        pa.record_batch([[each[0] for each in batch], [each[1] for each in batch]], schema=schema)
        for batch in batches
    ]
    return pa.RecordBatchReader.from_batches(schema, made)


@pytest.mark.parametrize(
    "batches",
    [
        ([(0, 1), (0, 5)], [(0, 7), (1, 0)], [(1, 3)]),
        ([(0, 7), (1, 0)], [(0, 1), (0, 5)], [(1, 3)]),
        ([(0, 5), (0, 1)], [(1, 3), (0, 7), (1, 0)]),
    ],
)
def test_positions_are_ascending_in_whatever_order_they_come(
    batches: tuple[list[tuple[int, int]], ...],
) -> None:
    found = _collected(("x", "y", "z"), SEARCH, reader(*batches))
    positions = {blob: rows.array().to_pylist() for blob, rows in found.items()}
    assert positions == {"x": [1, 5, 7], "y": [0, 3]}


def test_the_first_value_that_does_not_fit_refuses_all() -> None:
    schema = pa.schema({"o": pa.uint64(), "r": pa.int64(), "m": pa.int32(), "s": pa.string()})
    rows = pa.record_batch([[0, 0], [1, 2], [None, 1], [None, "2.5"]], schema=schema)
    search = RowSearch("true", SEARCH.now, (("a", "1"), ("b", "2.5")))
    with pytest.raises(RefusedError) as raised:
        _collected(("x",), search, pa.RecordBatchReader.from_batches(schema, [rows]))
    assert raised.value.refused.code == "value_does_not_fit"
    assert raised.value.refused.errors == ({"column": "b"},)
