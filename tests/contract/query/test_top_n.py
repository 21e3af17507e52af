"""The shape that DuckDB 1.5 answers wrongly (ops/decisions/duckdb-1.4.md): ORDER BY k::int LIMIT."""

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
