"""Each format against another reader than ours: the same rows as JSON has, or as text."""

import csv
import io
import itertools
import json
from typing import Any

import pyarrow as pa
import pytest
from duckdb_sessions import cursor
from result_documents import arrow, parquet, rendered

from lakehouse.domain.errors import RefusedError
from lakehouse.query.render.documents import DOCUMENTS
from lakehouse.query.render.formats import FORMATS, named
from lakehouse.query.render.rows import distinct
from lakehouse.query.worker.execution import document

EVERY_TYPE = """
SELECT i, i > 1 AS flag, [i > 1, true, NULL] AS flags, {'f': i > 1, 'g': [i = 2]} AS inner_flags,
    MAP {'k': i = 1} AS map_flags, [i = 1, i = 2]::BOOLEAN[2] AS pair, i::HUGEINT AS huge,
    [i::HUGEINT] AS huges, (i * 1.5)::DOUBLE AS d, (i / 3)::DECIMAL(12, 4) AS money,
    DATE '2020-02-28' + i::INTEGER AS day, TIMESTAMP '2020-02-28 01:02:03.5' AS at,
    TIMESTAMPTZ '2020-02-28 01:02:03.5+02' AS at_utc, 'text ' || i AS s, 'b'::ENUM('a', 'b') AS e,
    'x'::BLOB AS raw, uuid_nil AS u, '{"a": 1}'::JSON AS j, INTERVAL 400 YEARS AS far,
    TIMETZ '01:02:03+02' AS zoned, '101'::BIT AS bits, 12::UHUGEINT AS uhuge, '9'::BIGNUM AS big
FROM range(3) t(i), (SELECT '00000000-0000-0000-0000-000000000001'::UUID AS uuid_nil)
UNION ALL BY NAME SELECT NULL::BIGINT AS i
"""


@pytest.mark.parametrize("read", [arrow, parquet])
def test_every_type_is_a_plain_one_for_other_readers(read: Any) -> None:
    table = read(rendered(EVERY_TYPE, read.__name__))
    table.validate(full=True)
    assert not [f for f in table.schema if isinstance(f.type, pa.BaseExtensionType)]
    row = table.to_pylist()[1]
    assert table.schema.field("at_utc").type == pa.timestamp("us", "UTC")
    assert [row[name] for name in ("i", "flag", "flags", "inner_flags", "map_flags", "pair")] == [
        1, False, [False, True, None], {"f": False, "g": [False]}, [("k", True)], [True, False],
    ]  # fmt: skip
    assert row["huge"] == 1 and row["huges"] == [1]
    texts = ("u", "far", "zoned", "bits", "uhuge", "big", "j", "e", "s")
    assert [row[name] for name in texts] == [
        "00000000-0000-0000-0000-000000000001", "400 years", "01:02:03+02", "101",
        "12", "9", '{"a": 1}', "b", "text 1",
    ]  # fmt: skip
    assert str(row["money"]) == "0.3333" and str(row["day"]) == "2020-02-29"
    assert row["raw"] == b"x" and row["d"] == 1.5
    assert set(table.to_pylist()[3].values()) == {None}


@pytest.mark.parametrize("read", [arrow, parquet])
def test_a_hugeint_is_a_decimal_for_other_readers(read: Any) -> None:
    largest = "99999999999999999999999999999999999999"
    sql = f"SELECT sum(i) AS s, {largest}::HUGEINT AS l, [-{largest}::HUGEINT] AS n FROM range(3) t(i)"
    table = read(rendered(sql, read.__name__))
    assert [str(field.type) for field in table.schema][:2] == ["decimal128(38, 0)"] * 2
    (row,) = table.to_pylist()
    assert row == {"s": 3, "l": int(largest), "n": [-int(largest)]}


@pytest.mark.parametrize("format_", ["arrow", "parquet"])
@pytest.mark.parametrize("value", ["x", "-x", "[1, x]", "{'a': x}", "MAP {'k': x}"])
def test_a_hugeint_of_more_digits_fails_with_the_hint_to_cast(format_: str, value: str) -> None:
    sql = f"SELECT {value} AS v FROM (SELECT 100000000000000000000000000000000000000::HUGEINT AS x)"
    with pytest.raises(RefusedError, match="cast the column to VARCHAR") as caught:
        rendered(sql, format_)
    assert caught.value.refused.code == "sql_error"
    assert rendered(sql, "json")


def test_a_union_stays_one_in_arrow_and_is_text_in_parquet() -> None:
    sql = "SELECT union_value(a := true) AS u, [row(1, true)] AS t FROM range(2)"
    assert arrow(rendered(sql, "arrow"))["u"].to_pylist() == [True, True]
    assert (
        parquet(rendered(sql, "parquet")).to_pylist()
        == [{"u": "true", "t": [{"element1": 1, "element2": True}]}] * 2
    )


@pytest.mark.parametrize("format_", DOCUMENTS)
def test_an_empty_result_is_whole(format_: str) -> None:
    data = rendered("SELECT 1 AS a, 'x' AS b WHERE false", format_)
    assert {
        "json": lambda: json.loads(data)["rows"] == [],
        "ndjson": lambda: data == b"",
        "csv": lambda: data == b"a,b\n",
        "arrow": lambda: arrow(data).num_rows == 0 and arrow(data).column_names == ["a", "b"],
        "parquet": lambda: parquet(data).num_rows == 0 and parquet(data).num_columns == 2,
    }[format_]()


def test_ndjson_is_an_object_a_row_and_suffixes_repeated_names() -> None:
    sql = """SELECT 1 AS a, NULL AS a, 'x\ny' AS "q\"\"", 2 AS a_2, 9007199254740993 AS a"""
    assert [json.loads(line) for line in rendered(sql, "ndjson").splitlines()] == [
        {"a": 1, "a_3": None, 'q"': "x\ny", "a_2": 2, "a_4": "9007199254740993"}
    ]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("a b c", "a b c"),
        ("a a a", "a a_2 a_3"),
        ("a a a_2", "a a_3 a_2"),
        ("a_2 a a", "a_2 a a_3"),
        ("a a_2 a_2 a", "a a_2 a_2_2 a_3"),
        ("a A", "a A"),
    ],
)
def test_a_repeated_name_gets_the_first_that_is_free(names: str, found: str) -> None:
    assert distinct(names.split()) == tuple(found.split())


def test_csv_tells_null_from_empty_and_quotes_what_must_be() -> None:
    sql = """SELECT * FROM (VALUES (1, NULL, 'a'), (2, '', 'b,c'), (NULL, 'x"y', E'l\nm'),
        (4, 'plain', E'r\rs'))  t("id", "a \"\"b\"\"", c)"""
    assert rendered(sql, "csv") == (
        b'id,"a ""b""",c\n1,,a\n2,"","b,c"\n,"x""y","l\nm"\n4,plain,"r\rs"\n'
    )


def test_csv_values_stand_without_the_quotes_of_json() -> None:
    sql = """SELECT true, 1.10::DECIMAL(4,2), 'NaN'::DOUBLE, 9007199254740993, DATE '2020-01-02',
        TIMESTAMPTZ '2020-01-02 03:04:05Z', 'é', 'b'::ENUM('a,b', 'b'), '"q"'::JSON,
        [1, 2], {'a': 'x'}, NULL, 'x'::BLOB, 5::HUGEINT, INTERVAL 1 DAY"""
    line = rendered(sql, "csv").decode().split("\n", 1)[1]
    assert line == (
        'true,1.10,NaN,9007199254740993,2020-01-02,2020-01-02T03:04:05Z,é,b,"""q""",'
        '"[1,2]","{""a"":""x""}",,eA==,5,1 day\n'
    )


def test_csv_reads_back_as_json_tells() -> None:
    sql = """SELECT i, if(i % 7 = 0, NULL, repeat(chr((32 + i % 90)::INTEGER), (i % 5)::INTEGER)) AS s,
        i / 8 AS d FROM range(5000) t(i)"""
    wanted = json.loads(rendered(sql, "json"))["rows"]
    rows = list(csv.reader(io.StringIO(rendered(sql, "csv").decode(), newline="")))[1:]
    assert [[int(i), s, float(d)] for i, s, d in rows] == [[i, s or "", d] for i, s, d in wanted]


@pytest.mark.parametrize("format_", DOCUMENTS)
def test_the_first_piece_comes_before_the_rest_is_computed(format_: str) -> None:
    connection = cursor()
    sql = "SELECT i, if(i = 50000000, error('late'), i) FROM range(100000000) t(i)"
    _, pieces, _ = document(connection, sql, None, format_)
    assert all(itertools.islice(pieces, 1))
    pieces.close()  # type: ignore[attr-defined]


def test_a_format_goes_by_its_name_or_its_media_type() -> None:
    assert named("CSV") == named("text/csv") == FORMATS["csv"]
    assert named("application/vnd.apache.arrow.stream") == FORMATS["arrow"]
    assert named("xml") is None
    assert set(DOCUMENTS) == set(FORMATS)
