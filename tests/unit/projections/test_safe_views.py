"""Safe views: every mask on every type, as DuckDB itself computes it."""

import hashlib
import hmac

import duckdb
import pytest
from duckdb_sessions import cursor

from journal.events import Column, SafeView
from projections.view_sql.safe import mask_fault, masked_sql

KEY = bytes(range(32))
SCALARS = {
    "BOOLEAN": "true", "TINYINT": "-7", "UBIGINT": "18446744073709551615", "HUGEINT": "-5",
    "DOUBLE": "1.5", "DECIMAL(10,2)": "12.30", "VARCHAR": "'größe🙂'", "BLOB": "'\\xFFa'::BLOB",
    "DATE": "'2024-02-29'", "TIME": "'01:02:03'", "TIMESTAMP": "'2024-02-29 01:02:03'",
    "TIMESTAMP WITH TIME ZONE": "'2024-02-29 01:02:03+00'", "UUID": "gen_random_uuid()",
    "INTERVAL": "INTERVAL 1 DAY",
}  # fmt: skip
NESTED = {
    "INTEGER[]": "[1]", "STRUCT(a INTEGER)": "{'a': 1}", "MAP(VARCHAR, INTEGER)": "MAP {'a': 1}",
    "INTEGER[2]": "[1, 2]",
}  # fmt: skip
OF_TIME = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")


def masked(type_: str, value: str, mask: str) -> tuple[object, object, str, str]:
    """The masked value, the masked null, the type of the column, and the value as text."""
    connection = cursor()
    connection.execute(f"CREATE TEMP TABLE t (x {type_}, n {type_})")
    connection.execute(f"INSERT INTO t SELECT {value}, NULL")
    columns = [Column(name, kind) for name, kind, *_ in connection.execute("DESCRIBE t").fetchall()]
    safe = SafeView("t", (("n", mask), ("x", mask)), None, ())
    sql = masked_sql(safe, columns, KEY)
    connection.execute(f"CREATE TEMP SECURE VIEW v AS {sql}")
    row = connection.execute("SELECT x, n, typeof(x) FROM v").fetchone()
    text = connection.execute("SELECT CAST(x AS VARCHAR) FROM t").fetchone()
    assert row is not None and text is not None
    return (*row, text[0])


@pytest.mark.parametrize("type_", SCALARS)
def test_hash_is_hmac_of_the_text(type_: str) -> None:
    value, null, kind, text = masked(type_, SCALARS[type_], "hash")
    assert value == hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()
    assert (null, kind) == (None, "VARCHAR")


@pytest.mark.parametrize("type_", SCALARS)
def test_last4_shows_four_characters_of_longer_texts(type_: str) -> None:
    value, null, kind, text = masked(type_, SCALARS[type_], "last4")
    hidden = max(len(text) - 4, 0)
    assert value == ("*" * hidden + text[-4:] if len(text) > 4 else "*" * len(text))
    assert (null, kind) == (None, "VARCHAR")


@pytest.mark.parametrize("type_", OF_TIME)
def test_year_is_an_integer(type_: str) -> None:
    assert masked(type_, SCALARS[type_], "year")[:3] == (2024, None, "INTEGER")


@pytest.mark.parametrize("type_", [*SCALARS, *NESTED])
def test_null_keeps_the_type(type_: str) -> None:
    value, null, kind, _ = masked(type_, (SCALARS | NESTED)[type_], "null")
    assert (value, null, kind) == (None, None, type_)


@pytest.mark.parametrize("type_", [*SCALARS, *NESTED])
def test_a_constant_is_text_and_null_stays_null(type_: str) -> None:
    found = masked(type_, (SCALARS | NESTED)[type_], "constant:it's")
    assert found[:3] == ("it's", None, "VARCHAR")


@pytest.mark.parametrize("type_", NESTED)
@pytest.mark.parametrize("mask", ["hash", "last4", "year"])
def test_what_does_not_fit_is_a_fault_and_later_null(type_: str, mask: str) -> None:
    fault = mask_fault(SafeView("t", (("x", mask),), None, ()), [Column("x", type_)])
    assert fault is not None and "'x'" in fault
    assert masked(type_, NESTED[type_], mask)[0] is None


def test_a_column_in_neither_list_is_null_whatever_its_case() -> None:
    columns = [Column("A", "INTEGER"), Column("b", "VARCHAR"), Column('odd"', "DATE")]
    sql = masked_sql(SafeView("t", (), None, ("a",)), columns, KEY)
    assert sql == (
        'SELECT "A", CAST(NULL AS VARCHAR) AS "b", CAST(NULL AS DATE) AS "odd""" FROM "t"'
    )


@pytest.mark.parametrize(("named", "other"), [("ü", "Ü"), ("k", "\u212a")])
def test_a_column_whose_name_only_python_folds_to_a_named_one_is_another(
    named: str, other: str
) -> None:
    columns = [Column(named, "INTEGER"), Column(other, "INTEGER")]
    shown = SafeView("t", (), None, (named,))
    assert mask_fault(shown, columns) is None
    connection = duckdb.connect()
    connection.execute(f'CREATE TABLE t AS SELECT 1 AS "{named}", 2 AS "{other}"')
    assert connection.execute(masked_sql(shown, columns, KEY)).fetchall() == [(1, None)]
    both = SafeView("t", ((other, "hash"),), None, (named,))
    assert mask_fault(both, columns) is None
