"""The words that must be quoted are those of the DuckDB that is installed."""

import duckdb

from lakehouse.query.reserved_words import RESERVED, quoting_hint


def test_they_are_duckdbs() -> None:
    query = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved'"
    with duckdb.connect() as connection:
        assert {word for (word,) in connection.execute(query).fetchall()} == RESERVED
    assert quoting_hint("Order") == 'Order is a reserved word in SQL: write FROM "Order"'
    assert quoting_hint("orders") is None
