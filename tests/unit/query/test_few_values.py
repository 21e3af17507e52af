"""A few values are rendered as the same bytes as many values."""

import math

import pyarrow as pa
import pytest
from duckdb_sessions import cursor
from test_exact_json import VALUES as LITERALS

from lakehouse.query.render import rows
from lakehouse.query.render.exact_casts import exact_sql
from lakehouse.query.render.formats import FORMATS
from lakehouse.query.render.render_small import json_texts


@pytest.mark.parametrize("literal", [literal for literal, _ in LITERALS])
def test_every_type_of_duckdb_is_told_the_same_either_way(
    literal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = cursor()
    value = f"(SELECT {literal} AS x, 0 AS k)"
    sql = f"SELECT x, i FROM range(4) t(i) LEFT JOIN {value} ON i % 2 = k ORDER BY i"
    exact = exact_sql(sql, connection.sql(sql).types, FORMATS["json"].as_text)
    (batch,) = connection.sql(exact or sql).to_arrow_reader(9)
    few = rows.rows_json(batch), rows.rows_ndjson(batch, ("x", 'i"'))
    monkeypatch.setattr(rows, "VALUES", 0)
    assert few == (rows.rows_json(batch), rows.rows_ndjson(batch, ("x", 'i"')))


def test_what_is_not_finite_has_a_name() -> None:
    values = [math.nan, math.inf, -math.inf, None, -0.0, 1e16, 9999.0]
    assert json_texts(pa.array(values, pa.float64())) == [
        *('"NaN"', '"Infinity"', '"-Infinity"', "null", "-0.0"),
        *("1e+16", "9999.0"),
    ]
