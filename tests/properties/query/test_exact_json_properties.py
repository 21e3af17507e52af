"""Rows of any DuckDB type as JSON, against DuckDB's own Python objects."""

import json
import math
import uuid
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from typing import Any

import duckdb
import pytest
from duckdb_sessions import cursor
from hypothesis import given, settings
from hypothesis import strategies as st
from result_documents import as_json

from lakehouse.query.worker.execution import document

SAFE = 2**53


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return cursor()


@pytest.fixture(scope="module")
def ask(connection: duckdb.DuckDBPyConnection) -> Callable[..., Any]:
    return partial(as_json, connection)


def test_rows_wider_than_a_batch_should_be_are_still_whole(ask: Callable[..., Any]) -> None:
    rows = ask("SELECT repeat(chr(97 + (i % 26)::INT), 100000) FROM range(400) t(i)")["rows"]
    assert rows == [[chr(97 + i % 26) * 100000] for i in range(400)]


def oracle(value: Any) -> Any:  # noqa: C901 (a table)
    """What the contract says about a value as DuckDB's own Python objects show it."""
    match value:
        case bool() | None | str():
            return value
        case int():
            return value if abs(value) <= SAFE else str(value)
        case float():
            if math.isfinite(value):
                return value
            return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
        case Decimal():
            return format(value, "f")
        case uuid.UUID():
            return str(value)
        case datetime() | time():
            text = value.isoformat()
            return text.rstrip("0") if "." in text else text
        case date():
            return value.isoformat()
        case list() | tuple():
            return [oracle(item) for item in value]
        case dict():
            return {name: oracle(item) for name, item in value.items()}
    raise TypeError(value)


@settings(max_examples=150)
@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.floats(),
            st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            st.none() | st.datetimes(),
            st.none() | st.dates(),
            st.none() | st.decimals(places=5, min_value=-(10**12), max_value=10**12),
            st.lists(st.none() | st.integers(-(2**62), 2**62), max_size=4),
            st.lists(st.none() | st.booleans(), max_size=20),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_rows_equal_what_duckdbs_python_objects_say(rows: list[tuple[Any, ...]]) -> None:
    connection = duckdb.connect(config={"arrow_lossless_conversion": "true"})
    connection.execute(
        "CREATE TABLE t (i BIGINT, f DOUBLE, s VARCHAR, ts TIMESTAMP, d DATE, n DECIMAL(38,5),"
        " l BIGINT[], b BOOLEAN[])"
    )
    connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [list(r) for r in rows])
    sql = """SELECT *, {'i': i, 'n': n, 'l': l, 's': s, 'b': [{'b': b[1]}, {'b': b[2]}]},
        [f, f / 2], [[s], [b[1]::TEXT]] FROM t"""
    _, pieces, _ = document(connection.cursor(), sql, None)
    assert json.loads(b"".join(pieces))["rows"] == oracle(connection.execute(sql).fetchall())
