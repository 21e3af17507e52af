"""JSON of every DuckDB type, against values written by hand and against a Python oracle."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import duckdb
import pytest
from duckdb_sessions import cursor
from result_documents import as_json

from lakehouse.query.render.exact_casts import exact_sql
from lakehouse.query.render.formats import FORMATS
from lakehouse.query.render.rows import rows_json
from lakehouse.query.worker.execution import document

SAFE = 2**53


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return cursor()


@pytest.fixture(scope="module")
def ask(connection: duckdb.DuckDBPyConnection) -> Callable[..., Any]:
    return partial(as_json, connection)


VALUES = [
    ("9007199254740992::BIGINT", 9007199254740992),
    ("9007199254740993::BIGINT", "9007199254740993"),
    ("-9007199254740992::BIGINT", -9007199254740992),
    ("-9007199254740993::BIGINT", "-9007199254740993"),
    ("(-9223372036854775808)::BIGINT", "-9223372036854775808"),
    ("18446744073709551615::UBIGINT", "18446744073709551615"),
    ("127::TINYINT", 127),
    ("255::UTINYINT", 255),
    ("32767::SMALLINT", 32767),
    ("65535::USMALLINT", 65535),
    ("(-2147483648)::INTEGER", -2147483648),
    ("4294967295::UINTEGER", 4294967295),
    ("5::HUGEINT", 5),
    ("-9007199254740992::HUGEINT", -SAFE),
    ("-9007199254740993::HUGEINT", str(-SAFE - 1)),
    ("170141183460469231731687303715884105727::HUGEINT", str(2**127 - 1)),
    ("(-170141183460469231731687303715884105728)::HUGEINT", str(-(2**127))),
    ("7::UHUGEINT", 7),
    ("340282366920938463463374607431768211455::UHUGEINT", str(2**128 - 1)),
    ("'12345678901234567890123456789012345678901234567890'::BIGNUM",
     "12345678901234567890123456789012345678901234567890"),
    ("(-256)::BIGNUM", -256),
    ("0::BIGNUM", 0),
    ("(-12345678901234567890)::BIGNUM", "-12345678901234567890"),
    ("1.50::DECIMAL(4,2)", "1.50"),
    ("-0.01::DECIMAL(4,2)", "-0.01"),
    ("0.0000000001::DECIMAL(20,10)", "0.0000000001"),
    ("'99999999999999999999999999999999999999'::DECIMAL(38,0)", "9" * 38),
    ("'-0.00000000000000000000000000000000000001'::DECIMAL(38,38)", "-0." + "0" * 37 + "1"),
    ("7::DECIMAL(9,0)", "7"),
    ("0.1::DOUBLE", 0.1),
    ("0.1::FLOAT", 0.1),
    ("1e308::DOUBLE", 1e308),
    ("5e-324::DOUBLE", 5e-324),
    ("'NaN'::DOUBLE", "NaN"),
    ("'Infinity'::DOUBLE", "Infinity"),
    ("'-Infinity'::FLOAT", "-Infinity"),
    ("['NaN'::FLOAT, 1, NULL]", ["NaN", 1.0, None]),
    ("true", True),
    ("NULL", None),
    ("'a\"b\\c\nd\te\x01'", 'a"b\\c\nd\te\x01'),
    ("'żółć 𝄞 \u2028'", "żółć 𝄞 \u2028"),
    ("''", ""),
    ("'null'", "null"),
    ("'\\x00\\xFF'::BLOB", "AP8="),
    ("''::BLOB", ""),
    ("'0101'::BIT", "0101"),
    ("'101010101'::BIT", "101010101"),
    ("'b'::ENUM('a', 'b')", "b"),
    ("'123e4567-e89b-12d3-a456-426614174000'::UUID", "123e4567-e89b-12d3-a456-426614174000"),
    ("'{\"a\": 1}'::JSON", '{"a": 1}'),
    ("DATE '2024-02-29'", "2024-02-29"),
    ("DATE '0001-01-01'", "0001-01-01"),
    ("DATE '9999-12-31'", "9999-12-31"),
    ("DATE '10000-01-01'", "+10000-01-01"),
    ("DATE '0001-12-31 (BC)'", "0000-12-31"),
    ("DATE '0044-03-15 (BC)'", "-0043-03-15"),
    ("DATE '5881580-07-10'", "+5881580-07-10"),
    ("'infinity'::DATE", "infinity"),
    ("'-infinity'::DATE", "-infinity"),
    ("TIME '12:34:56'", "12:34:56"),
    ("TIME '12:34:56.100000'", "12:34:56.1"),
    ("TIME '00:00:00.000001'", "00:00:00.000001"),
    ("TIME '24:00:00'", "24:00:00"),
    ("'12:34:56.123456789'::TIME_NS", "12:34:56.123456789"),
    ("'12:00:00+05:30'::TIMETZ", "12:00:00+05:30"),
    ("'12:30:00.5-05'::TIMETZ", "12:30:00.5-05:00"),
    ("'00:00:00+00'::TIMETZ", "00:00:00+00:00"),
    ("'00:00:00+15:59:59'::TIMETZ", "00:00:00+15:59:59"),
    ("TIMESTAMP '2024-01-02 03:04:05'", "2024-01-02T03:04:05"),
    ("TIMESTAMP '2024-01-02 03:04:50.120000'", "2024-01-02T03:04:50.12"),
    ("TIMESTAMP '1969-12-31 23:59:59.999999'", "1969-12-31T23:59:59.999999"),
    ("TIMESTAMP '294247-01-10 04:00:54.775806'", "+294247-01-10T04:00:54.775806"),
    ("TIMESTAMP '0044-03-15 (BC) 12:00:00'", "-0043-03-15T12:00:00"),
    ("'infinity'::TIMESTAMP", "infinity"),
    ("'-infinity'::TIMESTAMP", "-infinity"),
    ("'infinity'::TIMESTAMPTZ", "infinity"),
    ("TIMESTAMPTZ '2024-01-02 03:04:05+02'", "2024-01-02T01:04:05Z"),
    ("TIMESTAMPTZ '2024-01-02 03:04:05.25+00'", "2024-01-02T03:04:05.25Z"),
    ("TIMESTAMPTZ '10000-01-01 00:00:00+00'", "+10000-01-01T00:00:00Z"),
    ("'2024-01-02 03:04:00'::TIMESTAMP_S", "2024-01-02T03:04:00"),
    ("'2024-01-02 03:04:05.120'::TIMESTAMP_MS", "2024-01-02T03:04:05.12"),
    ("'2024-01-02 03:04:05.123456789'::TIMESTAMP_NS", "2024-01-02T03:04:05.123456789"),
    ("'2024-01-02 03:04:05.100000000'::TIMESTAMP_NS", "2024-01-02T03:04:05.1"),
    ("INTERVAL '1 year 2 days 3 hours'", "1 year 2 days 03:00:00"),
    ("INTERVAL '10000000 hours'", "10000000:00:00"),
    ("[INTERVAL '10000000 hours', NULL]", ["10000000:00:00", None]),
    ("{'i': INTERVAL 1 day, 'interval': 2}", {"i": "1 day", "interval": 2}),
    ("MAP {'a': INTERVAL 1 day}", [["a", "1 day"]]),
    ("['12:00:00'::TIME_NS]", ["12:00:00"]),
    ("'24:00:00'::TIME_NS", "24:00:00"),
    ("'2026-01-02 03:04:05.123456789+01'::TIMESTAMPTZ_NS", "2026-01-02T02:04:05.123456789Z"),
    ("'POINT(1 0.1)'::GEOMETRY", "POINT (1 0.1)"),
    ("['POINT(1 0.1)'::GEOMETRY]", ["POINT (1 0.1)"]),
    ("row(INTERVAL 1 day, [true])", {"element1": "1 day", "element2": [True]}),
    ("42::VARIANT", "42"),
    ("[1, NULL, 3]", [1, None, 3]),
    ("[]::INTEGER[]", []),
    ("[[1], NULL, []]", [[1], None, []]),
    ("[9007199254740993, 1]", ["9007199254740993", 1]),
    ("[1, NULL, 3]::INTEGER[3]", [1, None, 3]),
    ("[[1, 2], NULL]::INTEGER[2][2]", [[1, 2], None]),
    ("{'a': 1, 'b': {'c': [1.5]}}", {"a": 1, "b": {"c": ["1.5"]}}),
    ("{'a\"\\b': 1}", {'a"\\b': 1}),
    ("NULL::STRUCT(a INTEGER)", None),
    ("row(1, 'x')", {"element1": 1, "element2": "x"}),
    ("MAP {'k': 1, 'l': NULL}", [["k", 1], ["l", None]]),
    ("MAP {1: 9007199254740993}", [[1, "9007199254740993"]]),
    ("MAP {}::MAP(INTEGER, INTEGER)", []),
    ("[true, false, NULL, true, true, false, false, true, true]",
     [True, False, None, True, True, False, False, True, True]),
    ("[false, true]::BOOLEAN[2]", [False, True]),
    ("MAP {true: false}", [[True, False]]),
    ("union_value(b := true)", {"b": True}),
    ("[{'a': [true, NULL, false]}, {'a': [false]}]", [{"a": [True, None, False]}, {"a": [False]}]),
    ("union_value(num := 2)", {"num": 2}),
    ("'x'::UNION(num INTEGER, str VARCHAR)", {"str": "x"}),
    ("NULL::UNION(num INTEGER, str VARCHAR)", None),
    ("[170141183460469231731687303715884105727::HUGEINT]", [str(2**127 - 1)]),
    ("{'u': '123e4567-e89b-12d3-a456-426614174000'::UUID, 't': true}",
     {"u": "123e4567-e89b-12d3-a456-426614174000", "t": True}),
]  # fmt: skip


@pytest.mark.parametrize(("literal", "expected"), VALUES, ids=[literal for literal, _ in VALUES])
def test_a_value_is_exact_alone_and_among_nulls_and_in_a_slice(
    ask: Callable[..., Any], literal: str, expected: Any
) -> None:
    rows = ask(f"SELECT x FROM (SELECT {literal} AS x)")["rows"]
    assert rows == [[expected]] and type(rows[0][0]) is type(expected)
    one = f"(SELECT {literal} AS x, 0 AS k) v"
    many = f"SELECT x FROM range(5) t(i) LEFT JOIN {one} ON i % 2 = k ORDER BY i"
    assert ask(many)["rows"] == [[expected], [None]] * 2 + [[expected]]
    assert ask(f"SELECT [{literal}] FROM range(2)")["rows"] == [[[expected]]] * 2
    assert ask(f"SELECT {{'s': {literal}}}")["rows"] == [[{"s": expected}]]


@pytest.mark.parametrize(("literal", "expected"), VALUES, ids=[literal for literal, _ in VALUES])
def test_a_slice_of_a_batch_shows_its_own_rows(
    connection: duckdb.DuckDBPyConnection, literal: str, expected: Any
) -> None:
    inner = f"(SELECT {literal} AS x)"
    sql = f"SELECT if(i = 2, [x, x], [x]) AS l, x, i FROM range(4) t(i), {inner} ORDER BY i"
    cursor = connection.cursor()
    exact = exact_sql(sql, cursor.sql(sql).types, FORMATS["json"].as_text)
    batch = next(iter(cursor.sql(exact or sql).to_arrow_reader(9)))
    text = rows_json(batch.slice(2, 2))
    expected_rows = [[[expected, expected], expected, 2], [[expected], expected, 3]]
    assert json.loads(b"[" + text + b"]") == expected_rows


def test_negative_zero_keeps_its_sign_and_whole_doubles_stay_doubles(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    _, pieces, _ = document(
        connection.cursor(), "SELECT -0.0::DOUBLE, 1::DOUBLE, 1e20::FLOAT", None
    )
    assert b'"rows":[[-0.0,1.0,1e+20]]' in b"".join(pieces)


def test_the_infinities_of_nanoseconds_are_no_dates(ask: Callable[..., Any]) -> None:
    answer = ask("SELECT 'infinity'::TIMESTAMP_NS, '-infinity'::TIMESTAMP_NS FROM range(1000)")
    assert answer["rows"][0] == ["infinity", "-infinity"]


def test_columns_of_one_name_are_both_kept(ask: Callable[..., Any]) -> None:
    answer = ask("SELECT 1 AS a, INTERVAL 1 day AS a, 'x' AS \"A\"")
    assert [column["name"] for column in answer["columns"]] == ["a", "a", "A"]
    assert [column["type"] for column in answer["columns"]] == ["INTEGER", "INTERVAL", "VARCHAR"]
    assert answer["rows"] == [[1, "1 day", "x"]]


def test_an_empty_result_has_its_columns(ask: Callable[..., Any]) -> None:
    assert ask("SELECT 1 AS a WHERE false") == {
        "columns": [{"name": "a", "type": "INTEGER"}],
        "rows": [],
        "row_count": 0,
    }


def test_many_batches_make_one_document_in_order(ask: Callable[..., Any]) -> None:
    answer = ask("SELECT i, 's' || i FROM range(50000) t(i)")
    assert answer["row_count"] == 50000
    assert answer["rows"] == [[i, f"s{i}"] for i in range(50000)]


def test_a_cast_result_keeps_its_order(ask: Callable[..., Any]) -> None:
    rows = ask("SELECT i, to_days(i::INT) FROM range(20000) t(i) ORDER BY i DESC; -- last")["rows"]
    assert [row[0] for row in rows] == list(range(19999, -1, -1))


def test_every_type_that_duckdb_knows_has_an_exact_form(
    connection: duckdb.DuckDBPyConnection, ask: Callable[..., Any]
) -> None:
    known = connection.execute("SELECT DISTINCT logical_type FROM duckdb_types()").fetchall()
    # Composite types need parameters; the others can be named as they are.
    given = {
        "LIST": "INTEGER[]",
        "STRUCT": "STRUCT(a INTEGER)",
        "MAP": "MAP(INTEGER, INTEGER)",
        "UNION": "UNION(a INTEGER)",
        "ENUM": "ENUM('a')",
        "NULL": '"NULL"',
        "ARRAY": "INTEGER[3]",
        "TUPLE": "TUPLE(INTEGER, VARCHAR)",
    }
    # A TYPE is made by get_type and make_type alone, which no statement may call.
    known.remove(("TYPE",))
    assert len(known) >= 40
    for (name,) in known:
        for nested in ("", "[]", "[2]"):
            answer = ask(f"SELECT NULL::{given.get(name, name)}{nested} AS x")
            assert answer["rows"] == [[None]], name
    shown = {kind.id for kind in kinds_of(connection)} | {"null"}
    names = {name.lower() for (name,) in known}
    assert names <= shown, f"add an exact value to VALUES for {names - shown}"


def kinds_of(connection: duckdb.DuckDBPyConnection) -> list[Any]:
    literals = ", ".join(literal for literal, _ in VALUES)
    return [kind for _, kind, *_ in connection.execute(f"SELECT {literals}").description]
