"""DuckDB's reserved words: names that SQL reads as something else unless they are quoted."""

from functools import lru_cache

import duckdb


def is_reserved(name: str) -> bool:
    """Whether a dataset of this name must be quoted in SQL."""
    return name.lower() in _reserved()


@lru_cache(1)
def _reserved() -> frozenset[str]:
    query = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved'"
    with duckdb.connect() as connection:
        return frozenset(word for (word,) in connection.execute(query).fetchall())
