"""The hash of rows: it changes with every value, and with nothing else."""

import duckdb
import pytest

from lakehouse.formats.parquet.row_hash import RowHash, row_hash, types_of


def of(sql: str) -> RowHash:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW v AS {sql}")
        return row_hash(connection, "v", types_of(connection, "v"))


ROWS = "SELECT range AS n, 'text ' || range AS s, range / 7.0 AS d FROM range(10000)"


def test_it_does_not_depend_on_the_order_of_rows() -> None:
    assert of(ROWS) == of(f"{ROWS} ORDER BY s DESC")


def test_it_does_not_depend_on_how_values_are_encoded() -> None:
    constant = "SELECT 'x' AS s FROM range(5000)"
    assert of(constant) == of("SELECT chr(CAST(120 + range * 0 AS INTEGER)) AS s FROM range(5000)")


def test_it_has_128_bits() -> None:
    assert 2**120 < of(ROWS).hash < 2**128


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 1 AS a, 2 AS b", "SELECT 2 AS a, 1 AS b"),
        ("SELECT 'a' AS a, 'b' AS b", "SELECT 'ab' AS a, '' AS b"),
        ("SELECT NULL::VARCHAR AS a", "SELECT '' AS a"),
        ("SELECT NULL::VARCHAR AS a", "SELECT 'NULL' AS a"),
        ("SELECT 0.0::DOUBLE AS a", "SELECT -0.0::DOUBLE AS a"),
        ("SELECT [NULL] AS a", "SELECT CAST([] AS INTEGER[]) AS a"),
        ("SELECT ['a, b'] AS a", "SELECT ['a', 'b'] AS a"),
        ("SELECT [-0.0::DOUBLE] AS a", "SELECT [0.0::DOUBLE] AS a"),
        ("SELECT 'x'::BLOB AS a", "SELECT 'y'::BLOB AS a"),
        ("SELECT 1 AS a", "SELECT 1 AS a UNION ALL SELECT 1"),
        ("SELECT 1 AS a UNION ALL SELECT 2", "SELECT 1 AS a UNION ALL SELECT 1"),
        (
            "SELECT TIMESTAMP '2026-01-01' AS a",
            "SELECT TIMESTAMP '2026-01-01 00:00:00.000001' AS a",
        ),
    ],
)
def test_other_values_have_another_hash(one: str, other: str) -> None:
    assert of(one) != of(other)


def test_columns_are_hashed_as_the_wanted_types() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE VIEW a AS SELECT 255::UTINYINT AS n")
        connection.execute("CREATE VIEW b AS SELECT 255::SMALLINT AS n")
        types = types_of(connection, "a")
        assert row_hash(connection, "a", types) == row_hash(connection, "b", types)
