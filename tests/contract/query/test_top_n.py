"""The shape that DuckDB 1.5 answers wrongly (ops/decisions/duckdb-2.md): ORDER BY k::int LIMIT."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

ROWS = 1_000_000
SOURCE = f"SELECT (i * 7919) % 1000003 AS k, i FROM range({ROWS}) t(i)"
EXPRESSIONS = ["k", "k::int", "k::bigint", "-k", "k + 0", "k::double", "k::varchar", "k::hugeint"]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    path: Path = tmp_path_factory.mktemp("top_n") / "t.parquet"
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE plain AS {SOURCE}")
    connection.execute(f"COPY plain TO '{path}' (FORMAT parquet)")
    connection.execute(f"CREATE VIEW parquet AS FROM '{path}'")
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def keys() -> dict[str, list[int]]:
    """Every key, in the order of its number and of its text."""
    numbers = [i * 7919 % 1000003 for i in range(ROWS)]
    return {"number": sorted(numbers), "text": sorted(numbers, key=str)}


@pytest.mark.parametrize("disabled", ["", "top_n"])
@pytest.mark.parametrize("relation", ["plain", "parquet"])
@pytest.mark.parametrize("limit", [1, 5, 100])
def test_the_first_of_an_order_are_the_first(
    connection: duckdb.DuckDBPyConnection,
    keys: dict[str, list[int]],
    disabled: str,
    relation: str,
    limit: int,
) -> None:
    connection.execute(f"SET disabled_optimizers = '{disabled}'")
    for expression in EXPRESSIONS:
        for direction in ("ASC", "DESC"):
            sql = f"SELECT k FROM {relation} ORDER BY {expression} {direction} LIMIT {limit}"
            rows = [row[0] for row in connection.execute(sql).fetchall()]
            ordered = keys["text" if expression == "k::varchar" else "number"]
            descends = (direction == "DESC") is not (expression == "-k")
            assert rows == (ordered[::-1] if descends else ordered)[:limit], sql


@pytest.mark.parametrize("relation", ["plain", "parquet"])
def test_the_first_of_each_group_are_the_first(
    connection: duckdb.DuckDBPyConnection, keys: dict[str, list[int]], relation: str
) -> None:
    connection.execute("SET disabled_optimizers = ''")
    sql = f"""SELECT g, k FROM (SELECT k % 7 AS g, k FROM {relation})
        QUALIFY row_number() OVER (PARTITION BY g ORDER BY k::int DESC) <= 3 ORDER BY g, k DESC"""
    expected = [(g, k) for g in range(7) for k in [k for k in keys["number"] if k % 7 == g][:-4:-1]]
    assert connection.execute(sql).fetchall() == expected


@pytest.mark.parametrize("relation", ["plain", "parquet"])
@pytest.mark.parametrize("kind", ["int", "bigint", "hugeint"])
def test_a_cast_below_the_order_changes_nothing(
    connection: duckdb.DuckDBPyConnection, keys: dict[str, list[int]], relation: str, kind: str
) -> None:
    """The shapes of duckdb issue 25158: the cast hides in a grouping or in one side of a union."""
    connection.execute("SET disabled_optimizers = ''")
    last = keys["number"][:-6:-1]
    grouped = (
        f"SELECT c FROM (SELECT k::{kind} AS c FROM {relation} GROUP BY 1) ORDER BY c DESC LIMIT 5"
    )
    united = f"FROM (SELECT k::{kind} AS c FROM {relation} UNION ALL SELECT NULL) ORDER BY c DESC"
    for sql in (grouped, f"{united} NULLS LAST LIMIT 5"):
        assert [row[0] for row in connection.execute(sql).fetchall()] == last, sql
    first = connection.execute(f"{united} NULLS FIRST LIMIT 5").fetchall()
    assert [row[0] for row in first] == [None, *last[:4]]


def test_a_limit_keeps_rows_whose_sort_key_is_null(connection: duckdb.DuckDBPyConnection) -> None:
    """The shape of duckdb issue 21160."""
    connection.execute(
        "CREATE OR REPLACE TABLE nulls AS SELECT 1 AS id, NULL::VARCHAR AS x, NULL::DOUBLE AS y"
    )
    rows = connection.execute("SELECT id FROM nulls WHERE x IS NULL ORDER BY y LIMIT 10").fetchall()
    assert rows == [(1,)]
