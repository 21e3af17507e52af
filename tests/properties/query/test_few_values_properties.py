"""Any few rows: the bytes are those that many rows have."""

from datetime import UTC, date
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.query.render.json_columns import json_text
from lakehouse.query.render.render_small import json_texts

INT64 = st.integers(-(2**63), 2**63 - 1)


TICKS = st.one_of(INT64, st.integers(-(10**17), 10**17), st.sampled_from([0, 2**63 - 1, -1]))


TYPES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int64(), st.one_of(INT64, st.sampled_from([2**53, 2**53 + 1, -(2**53), -(2**53) - 1]))),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    (pa.string(), st.text()),
    (pa.string(), st.text(st.sampled_from('a"\\\n\t\x00\x1f\x7fé'))),
    (pa.bool_(), st.booleans()),
    (pa.float64(), st.floats()),
    (pa.float64(), st.integers(-(10**20), 10**20).map(float)),
    (pa.float32(), st.floats(width=32)),
    (pa.decimal128(38, 10), st.decimals(-(10**27), 10**27, places=10)),
    (pa.decimal128(5, 0), st.integers(-99999, 99999).map(Decimal)),
    (pa.date32(), st.one_of(st.dates(), st.just(date(1, 1, 1)))),
    *((pa.timestamp(unit), TICKS) for unit in ("s", "ms", "us", "ns")),
    (pa.timestamp("us", "UTC"), TICKS),
    (pa.timestamp("us"), st.datetimes()),
    (pa.timestamp("us", "UTC"), st.datetimes(timezones=st.just(UTC))),
    (pa.list_(pa.int64()), st.lists(INT64)),
]


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_one_by_one_and_by_columns_are_the_same_bytes(data: st.DataObject) -> None:
    kind, values = data.draw(st.sampled_from(TYPES))
    array = pa.array(data.draw(st.lists(st.none() | values, max_size=8)), kind)
    array = array.slice(data.draw(st.integers(0, len(array))))
    assert json_texts(array) == json_text(array).to_pylist()
