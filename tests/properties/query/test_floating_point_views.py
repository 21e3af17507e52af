"""Any floating-point columns: a view answers like a table, whatever Parquet's statistics say."""

import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journal.events import Column
from projections.view_sql.datasets import View, view_sql

NUMBERS = st.sampled_from([-7.0, -1.5, 1.0, 2.5, 100.0])
ODD = st.sampled_from([float("nan"), float("inf"), float("-inf")])
QUERIES = (
    "SELECT max(d), min(d), count(d), count(*) FROM v",
    "SELECT max(d), min(d) FROM v WHERE n >= 0",
    "SELECT max(d), min(d) FROM v WHERE n >= 3",
    "SELECT max(a), min(a) FROM (SELECT d AS a FROM v)",
    "SELECT max(d) > 5, min(d) < 0 FROM v",
    "SELECT n FROM v WHERE isnan(d)",
    "SELECT n FROM v WHERE d = 'NaN'",
    "SELECT n FROM v WHERE d <> 'NaN'",
    "SELECT n FROM v WHERE d > 100",
    "SELECT n FROM v WHERE d >= 100",
    "SELECT n FROM v WHERE d < -1",
    "SELECT n FROM v WHERE d = 0",
    "SELECT n FROM v WHERE NOT (d <= 100)",
    "SELECT n FROM v WHERE d BETWEEN -1 AND 2.5",
    "SELECT n FROM v WHERE d IN (1, 'NaN')",
    "SELECT n FROM v WHERE d IS DISTINCT FROM 1",
    "SELECT n FROM v WHERE isfinite(d)",
    "SELECT d > 2, d <= 0, isinf(d) FROM v",
    "SELECT d FROM v ORDER BY d DESC LIMIT 2",
    "SELECT d FROM v ORDER BY d LIMIT 2",
    "SELECT d FROM v ORDER BY d NULLS FIRST LIMIT 2",
    "SELECT d, count(*) FROM v GROUP BY d",
    "SELECT count(DISTINCT d) FROM v",
    "SELECT a.n FROM v a JOIN v b ON a.d > b.d",
    "SELECT a.n FROM v a JOIN v b USING (d)",
    "SELECT n FROM v WHERE d = (SELECT max(d) FROM v)",
    "SELECT max(-d), min(d + 1), max(abs(d)) FROM v",
)


def answers(connection: duckdb.DuckDBPyConnection) -> list[list[str]]:
    return [sorted(map(str, connection.execute(sql).fetchall())) for sql in QUERIES]


@pytest.mark.parametrize("uniform", [False, True])
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_view_answers_like_a_table(uniform: bool, data: st.DataObject) -> None:
    type_ = data.draw(st.sampled_from([pa.float32(), pa.float64()]))
    # One sign of zero: which of two equal values a query gives is open.
    zero = st.just(data.draw(st.sampled_from([0.0, -0.0])))
    column = st.lists(zero | NUMBERS, max_size=6) | st.lists(
        st.none() | zero | NUMBERS | ODD, max_size=6
    )
    parts = data.draw(st.lists(column, min_size=1, max_size=3))
    rows_of_group = data.draw(st.sampled_from([2, 100]))
    tables = [
        pa.table({"d": pa.array(part, type_), "n": pa.array(range(len(part)), pa.int64())})
        for part in parts
    ]
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        paths = [str(Path(folder) / f"{number}.parquet") for number in range(len(tables))]
        for path, table in zip(paths, tables, strict=True):
            pq.write_table(table, path, row_group_size=rows_of_group)
        columns = (Column("d", str(type_)), Column("n", "int64"))
        connection.execute("SET threads = 1")
        connection.execute(view_sql(View("v", tuple(paths), columns), uniform=uniform))
        found = answers(connection)
        connection.execute("PRAGMA disable_optimizer")
        connection.execute("CREATE TEMP TABLE copied AS FROM v")
        connection.execute("CREATE OR REPLACE VIEW v AS FROM copied")
        assert found == answers(connection)
