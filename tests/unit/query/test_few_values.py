"""A few values are told in the very bytes in which many are told."""

import math
from datetime import UTC, date
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_exact_json import VALUES as LITERALS

from lakehouse.query.render import rows
from lakehouse.query.render.exact_casts import exact_sql
from lakehouse.query.render.formats import FORMATS
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


@pytest.mark.parametrize("literal", [literal for literal, _ in LITERALS])
def test_every_type_of_duckdb_is_told_the_same_either_way(
    literal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = duckdb.connect(config={"arrow_lossless_conversion": "true"})
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    value = f"(SELECT {literal} AS x, 0 AS k)"
    sql = f"SELECT x, i FROM range(4) t(i) LEFT JOIN {value} ON i % 2 = k ORDER BY i"
    kinds = [kind for _, kind, *_ in connection.execute(sql).description]
    exact = exact_sql(sql, kinds, FORMATS["json"].as_text)
    (batch,) = connection.execute(exact or sql).fetch_record_batch(9)
    few = rows.rows_json(batch), rows.rows_ndjson(batch, ("x", 'i"'))
    monkeypatch.setattr(rows, "VALUES", 0)
    assert few == (rows.rows_json(batch), rows.rows_ndjson(batch, ("x", 'i"')))


def test_what_is_not_finite_has_a_name() -> None:
    values = [math.nan, math.inf, -math.inf, None, -0.0, 1e16, 9999.0]
    assert json_texts(pa.array(values, pa.float64())) == [
        *('"NaN"', '"Infinity"', '"-Infinity"', "null", "-0.0"),
        *("1e+16", "9999.0"),
    ]
