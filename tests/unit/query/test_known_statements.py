"""A remembered verdict is the one that parsing and judging anew would give."""

import random
import re

import msgspec
import pytest
from duckdb_sessions import parser

from lakehouse.domain.errors import Refused
from lakehouse.query.policy.known_statements import KnownStatements, shape_of
from lakehouse.query.policy.statement import Statement, read_statement

SHAPED = [
    "SELECT 42 AS n",
    "select 1 + 2 * 3 % 4 - -1;",
    "FROM Sales SELECT id WHERE amount > 25.50",
    "SELECT role, count(*) FROM workers WHERE id <> 4711 GROUP BY role",
    "FROM main.other WHERE x = 10",
    "WITH t AS (SELECT 1) FROM t, \"t5\" WHERE '5' < 'it''s 7' AND a5 = 5",
    "FROM x USING SAMPLE 10%",
    "FROM x TABLESAMPLE reservoir(20)",
    "FROM x ORDER BY 1, 2 LIMIT 5 OFFSET 7",
    "SELECT x::DECIMAL(5,2), x::TIMESTAMP(3), x::FLOAT(24), x::VARCHAR(10), x::INT[3] FROM x",
    "SELECT INTERVAL 5 DAY, INTERVAL (5) HOUR",
    "SELECT x[1:2], [1, 2, 3][1], {'a': 1}.a FROM x",
    "SELECT sum(x) OVER (ORDER BY y ROWS BETWEEN 3 PRECEDING AND 4 FOLLOWING) FROM x",
    "SELECT CASE 1 WHEN 2 THEN 3 END, 5 BETWEEN 1 AND 3, 10 IN (1, 2)",
    "FROM generate_series(1, 5)",
    "PIVOT x ON y IN (1, 2) USING sum(z)",
    "SELECT list_transform([1, 2], lambda y: y + 1) FROM x",
    "SELECT count(*) FILTER (x > 5) FROM x QUALIFY row_number() OVER () < 5",
    "SELECT random() < 5 FROM x",
    "SELECT (SELECT max(x) FROM (FROM t UNION ALL FROM u LIMIT 3))",
    "SELECT current_setting('timezone'), 5",
]
"""Every text of their shape has their verdict."""
EXACT = [
    "FROM lake.events WHERE seq > 5",
    "FROM x AT (VERSION => 3)",
    "EXPLAIN SELECT 1",
    "SELECT 1 -- 2",
    "SELECT /* 1 */ 2",
    "SELECT $1 + 5",
    "SELECT é5, 5",
    "SELECT e'\\'5', 5",
    'SELECT 5 AS "a\\"',
]
"""Only the same text has their verdict."""


def other_numbers(text: str, chance: random.Random) -> str:
    """A text of the same shape: each digit outside quotes and words is another."""

    def changed(part: re.Match[str]) -> str:
        return re.sub("[0-9]", lambda _: chance.choice("0123456789"), part[0])

    quoted = re.compile(r"('[^']*'|\"[^\"]*\")")
    parts = quoted.split(text)
    number = re.compile(r"(?<![\w.])[0-9]+(?:\.[0-9]+)?(?![\w.])")
    return "".join(p if quoted.fullmatch(p) else number.sub(changed, p) for p in parts)


@pytest.mark.parametrize("text", SHAPED)
def test_a_text_with_other_numbers_has_the_same_verdict(text: str) -> None:
    known, chance = KnownStatements(), random.Random(text)
    assert known.read(parser(), text) == read_statement(parser(), text)
    for _ in range(20):
        other = other_numbers(text, chance)
        assert shape_of(other) == shape_of(text)
        assert known.read(parser(), other) == read_statement(parser(), other)


@pytest.mark.parametrize("text", SHAPED)
def test_a_known_shape_is_not_parsed_again(text: str) -> None:
    known = KnownStatements()
    first = known.read(parser(), text)
    assert isinstance(first, Statement)
    closed = parser().cursor()
    closed.close()
    other = other_numbers(text, random.Random(1))
    assert known.read(closed, other) == msgspec.structs.replace(first, sql=other, body=other)


@pytest.mark.parametrize("text", EXACT)
def test_a_verdict_that_depends_on_more_is_for_the_same_text_alone(text: str) -> None:
    known, other = KnownStatements(), text.replace("5", "6").replace("3", "4")
    assert known.read(parser(), text) == read_statement(parser(), text)
    assert known.read(parser(), other) == read_statement(parser(), other)
    assert known.read(parser(), text) == read_statement(parser(), text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("FROM x5", "FROM x6"),
        ("SELECT '5'", "SELECT '6'"),
        ('FROM "5"', 'FROM "6"'),
        ("SELECT 5", "SELECT 55"),
        ("SELECT 5", "SELECT .5"),
        ("SELECT 5e3", "SELECT 6e3"),
        ("SELECT 0x10", "SELECT 0x11"),
        ("SELECT 1_000", "SELECT 2_000"),
        ("SELECT 1234567890", "SELECT 1234567891"),
        ("SELECT 5", "select 5"),
        ("SELECT 'a' 'b", "SELECT 'a' \"b"),
    ],
)
def test_what_is_no_number_of_its_own_belongs_to_the_shape(one: str, other: str) -> None:
    assert shape_of(one) != shape_of(other) or shape_of(one) is None


def test_a_refusal_is_not_remembered() -> None:
    known = KnownStatements()
    for number in (1, 2):
        refused = known.read(parser(), f"COPY (SELECT {number}) TO '/tmp/x'")
        assert isinstance(refused, Refused) and refused.code == "statement_not_allowed"
    assert isinstance(known.read(parser(), "SELECT 1 LIMIT"), Refused)


def test_the_least_recently_used_verdict_is_forgotten_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lakehouse.query.policy.known_statements._REMEMBERED", 2)
    known = KnownStatements()
    for text in ("SELECT a", "SELECT b", "SELECT a", "SELECT c"):
        known.read(parser(), text)
    closed = parser().cursor()
    closed.close()
    assert known.read(closed, "SELECT a") == read_statement(parser(), "SELECT a")
    with pytest.raises(Exception, match="closed"):
        known.read(closed, "SELECT b")


def test_a_hostile_text_costs_no_more_than_its_length() -> None:
    """No backtracking: these would take minutes."""
    for text in ("a" * 8_000 + "#", "'" * 7_999, "'a" * 4_000 + "#", "1." * 4_000):
        shape_of(text)
    assert shape_of("SELECT " + "1, " * 4_000) is None
