"""PEP 249: what the module, connections and cursors must have, and how they behave."""

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse import dbapi
from lakehouse.client.lake import Lake


@pytest.fixture(scope="module")
def connection(url: str) -> Iterator[dbapi.Connection]:
    with dbapi.connect(url) as connected:
        yield connected


def test_what_the_module_must_have() -> None:
    assert (dbapi.apilevel, dbapi.threadsafety, dbapi.paramstyle) == ("2.0", 2, "qmark")
    assert issubclass(dbapi.ProgrammingError, dbapi.DatabaseError)
    assert issubclass(dbapi.DatabaseError, dbapi.Error)
    assert not issubclass(dbapi.Warning, dbapi.Error)
    assert dbapi.Date(2026, 1, 2) == dt.date(2026, 1, 2)
    assert dbapi.Time(1, 2, 3) == dt.time(1, 2, 3)
    assert dbapi.Binary(b"x") == b"x"
    assert isinstance(dbapi.DateFromTicks(0), dt.date)
    assert isinstance(dbapi.TimeFromTicks(0), dt.time)
    assert isinstance(dbapi.TimestampFromTicks(0), dt.datetime)
    assert dbapi.Connection.Error is dbapi.Error


def test_a_description_and_its_type_codes(connection: dbapi.Connection) -> None:
    sql = "SELECT 1 AS n, 'x' AS s, 1.5::DECIMAL(5, 2) AS d, DATE '2026-01-02' AS t, 'a'::BLOB AS b"
    with connection.cursor() as cursor:
        assert cursor.description is None
        cursor.execute(sql)
        described = cursor.description
        assert described is not None
        assert [each[0] for each in described] == ["n", "s", "d", "t", "b"]
        assert {len(each) for each in described} == {7}
        codes = [each[1] for each in described]
        kinds = [dbapi.NUMBER, dbapi.STRING, dbapi.NUMBER, dbapi.DATETIME, dbapi.BINARY]
        assert codes == kinds
        assert codes[0] != dbapi.STRING
        assert described[2][4:6] == (5, 2)
        assert cursor.fetchall() == [(1, "x", Decimal("1.50"), dt.date(2026, 1, 2), b"a")]
        assert cursor.rowcount == -1


def test_fetching(connection: dbapi.Connection) -> None:
    cursor = connection.cursor().execute("SELECT i FROM range(10) r(i)")
    assert cursor.fetchone() == (0,)
    assert cursor.fetchmany() == [(1,)]
    assert cursor.fetchmany(3) == [(2,), (3,), (4,)]
    cursor.arraysize = 2
    assert cursor.fetchmany() == [(5,), (6,)]
    assert next(cursor) == (7,)
    assert list(cursor) == [(8,), (9,)]
    assert (cursor.fetchone(), cursor.fetchmany(5), cursor.fetchall()) == (None, [], [])
    with pytest.raises(StopIteration):
        next(cursor)


def test_parameters(connection: dbapi.Connection, lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    lake.ingest([{"d": dt.date(2026, 1, 2)}, {"d": dt.date(2026, 1, 3)}], name=name)
    cursor = connection.cursor()
    cursor.execute(f"SELECT count(*) FROM {name} WHERE d = ?", (dt.date(2026, 1, 2),))
    assert cursor.fetchone() == (1,)
    cursor.execute("SELECT $a + $b", {"a": 1, "b": 2})
    assert cursor.fetchone() == (3,)
    cursor.executemany("SELECT ?", [(1,), (2,)])
    assert cursor.fetchall() == [(2,)]
    cursor.setinputsizes([1])
    cursor.setoutputsize(1)


@pytest.mark.parametrize(
    ("sql", "parameters", "error"),
    [
        ("SELECT nope", (), dbapi.ProgrammingError),
        ("DROP TABLE x", (), dbapi.NotSupportedError),
        ("SELECT ?", (["x"],), dbapi.ProgrammingError),
        ("SELECT ?", (), dbapi.ProgrammingError),
    ],
)
def test_errors(
    connection: dbapi.Connection, sql: str, parameters: tuple[object, ...], error: type[Exception]
) -> None:
    with connection.cursor() as cursor, pytest.raises(error) as raised:
        cursor.execute(sql, parameters)
    assert isinstance(raised.value, dbapi.DatabaseError)


def test_an_error_that_comes_late(connection: dbapi.Connection) -> None:
    late = "SELECT if(i < 3000000, i, error('late')::BIGINT) AS x FROM range(9000000) t(i)"
    cursor = connection.cursor().execute(late)
    with pytest.raises(dbapi.OperationalError):
        cursor.fetchall()


def test_what_is_closed_or_was_never_run(url: str, tmp_path: Path) -> None:
    connection = dbapi.connect(url)
    cursor = connection.cursor()
    with pytest.raises(dbapi.InterfaceError):
        cursor.fetchone()
    cursor.close()
    for call in (cursor.fetchall, lambda: cursor.execute("SELECT 1")):
        with pytest.raises(dbapi.InterfaceError):
            call()
    connection.commit()
    connection.rollback()
    connection.close()
    for call in (connection.cursor, connection.commit, connection.rollback):
        with pytest.raises(dbapi.InterfaceError):
            call()
    connection.close()
    for wrong in ({}, {"url": url, "bucket": str(tmp_path)}, {"url": "nothing"}):
        with pytest.raises(dbapi.InterfaceError):
            dbapi.connect(**wrong)
    with pytest.raises(dbapi.OperationalError):
        dbapi.connect("http://127.0.0.1:1").cursor().execute("SELECT 1")
