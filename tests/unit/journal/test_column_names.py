"""The names of columns without regard to case, beside DuckDB's own."""

import duckdb
import pytest

from journal.column_names import folded


@pytest.mark.parametrize(
    ("one", "other"),
    [("id", "ID"), ("ü", "Ü"), ("k", "\u212a"), ("aÜ", "AÜ"), ("i", "İ"), ("ß", "SS")],
)
def test_two_names_are_one_exactly_if_duckdb_takes_them_for_one(one: str, other: str) -> None:
    connection = duckdb.connect()
    connection.execute(f'CREATE TABLE t ("{one}" INTEGER)')
    found = "SELECT count(*) FROM pragma_table_info('t')"
    try:
        connection.execute(f'ALTER TABLE t ADD COLUMN "{other}" INTEGER')
    except duckdb.Error:
        assert folded(one) == folded(other)
    else:
        assert connection.execute(found).fetchall() == [(2,)]
        assert folded(one) != folded(other)
