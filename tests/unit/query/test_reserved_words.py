"""The words that must be quoted are those of the DuckDB that is installed."""

import duckdb

from lakehouse.query.reserved_words import RESERVED, is_reserved


def test_they_are_duckdbs() -> None:
    query = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved'"
    with duckdb.connect() as connection:
        assert {word for (word,) in connection.execute(query).fetchall()} == RESERVED
    assert is_reserved("Order") and not is_reserved("orders")
