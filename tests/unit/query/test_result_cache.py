"""What is kept, and what has to go for it."""

import duckdb
import pytest
from duckdb_sessions import cursor, parser

from lakehouse.domain.errors import Refused
from lakehouse.query.policy import functions
from lakehouse.query.policy.statement import read_statement
from lakehouse.query.result_cache import ENTRY_BYTES, CachedResult, ResultCache, identity_of
from lakehouse.query.wire.messages import Reads

ROOM = 8 * (10 + ENTRY_BYTES)
"""For eight results of 10 bytes."""


def body(size: int) -> CachedResult:
    return CachedResult(b"x" * size, 1)


def test_the_longest_unused_go_first() -> None:
    cache = ResultCache(ROOM)
    for name in "abcdefgh":
        cache.put(name, body(10))
    assert cache.get("a")
    cache.put("i", body(10))
    assert cache.get("a") and cache.get("i") and cache.get("b") is None


def test_what_is_put_twice_counts_once() -> None:
    cache = ResultCache(ROOM)
    for _ in range(20):
        cache.put("a", body(10))
    for name in "bcdefgh":
        cache.put(name, body(10))
    assert all(cache.get(name) for name in "abcdefgh")


def test_a_large_result_is_not_kept() -> None:
    cache = ResultCache(ROOM)
    cache.put("a", body(ROOM // 8 + 1))
    assert cache.get("a") is None


def test_of_a_question_on_the_present_state_the_newest_result_stays() -> None:
    cache = ResultCache(ROOM)
    for number in range(20):
        cache.put(f"a{number}", CachedResult(b"x" * 10, 1, "how many rows?"))
        cache.put(f"past{number % 7}", body(10))
    assert cache.get("a19") and cache.get("a18") is None
    assert all(cache.get(f"past{number}") for number in range(7))
    cache.clear()
    cache.put("a19", CachedResult(b"x" * 10, 1, "how many rows?"))
    assert cache.get("a19")


def test_a_cache_without_room_keeps_nothing() -> None:
    cache = ResultCache(0)
    cache.put("a", body(0))
    assert cache.get("a") is None


def test_what_statements_read_is_remembered_up_to_a_size_of_texts() -> None:
    cache, reads = ResultCache(ROOM), Reads(frozenset(), False, True)
    for number in range(300):
        cache.learn(f"SELECT {number}{' ' * 50_000}", reads)
        assert cache.reads(f"SELECT {number}{' ' * 50_000}") == reads
    known = [n for n in range(300) if cache.reads(f"SELECT {n}{' ' * 50_000}")]
    assert 100 < len(known) < 200 and known[-1] == 299
    for number in range(20_000):
        cache.learn(f"SELECT {number}", reads)
    assert cache.reads("SELECT 0") is None and cache.reads("SELECT 19999") == reads
    cache.learn("x" * 100_000, reads)
    assert cache.reads("x" * 100_000) is None and cache.likely("x" * 100_000) is None


def test_a_statement_learned_again_takes_no_more_room() -> None:
    cache, reads = ResultCache(ROOM), Reads(frozenset(), False, True)
    cache.learn("SELECT 1", reads)
    for _ in range(200):
        cache.learn("x" * 50_000, reads)
    assert cache.reads("SELECT 1") == reads


def test_an_identity_is_of_all_that_matters_and_of_no_order() -> None:
    same = identity_of(["a"], {"x": 1, "y": 2}, {"s": 1, "t": 2})
    assert same == identity_of(["a"], {"y": 2, "x": 1}, {"t": 2, "s": 1})
    others = {
        identity_of(["b"], {"x": 1, "y": 2}, {"s": 1, "t": 2}),
        identity_of(["a"], {"x": 1, "y": 3}, {"s": 1, "t": 2}),
        identity_of(["a"], {"x": 1, "y": 2}, {"s": 1, "t": 3}),
        identity_of(["a"], None, {"s": 1, "t": 2}),
        identity_of(["a"], [], {"s": 1, "t": 2}),
    }
    assert len(others) == 5 and same not in others


ZONED = functions._names(
    """
    + - century date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day
    dayname dayofmonth dayofweek dayofyear decade era generate_series hour isodow isoyear julian
    last_day make_timestamptz microsecond millennium millisecond minute month monthname quarter
    range second strftime time_bucket timezone timezone_hour timezone_minute week weekday
    weekofyear year yearweek
    """
)
"""They depend on the session time zone, which is UTC everywhere."""


def test_every_function_that_duckdb_calls_volatile_is_known_as_such() -> None:
    listed = """SELECT DISTINCT function_name FROM duckdb_functions()
        WHERE stability = 'VOLATILE' OR stability LIKE 'CONSISTENT_WITHIN%'"""
    found = {name for (name,) in cursor().execute(listed).fetchall()}
    # The same in every process of ours: they depend on no chance and no clock.
    fixed = {"error", "current_database", "current_schema", "current_schemas"}
    assert (found & functions.SCALAR) - functions.VOLATILE == fixed | ZONED


def test_duckdb_calls_no_others_without_parentheses() -> None:
    def is_called(name: str) -> bool:
        try:
            cursor().execute(f"SELECT {name}")
        except duckdb.BinderException:
            return False
        return True

    assert set(filter(is_called, functions.VOLATILE)) == functions.WITHOUT_PARENTHESES


@pytest.mark.parametrize(
    ("sql", "deterministic"),
    [
        ("SELECT 1", True),
        ("SELECT uuid, t.current_date FROM t WHERE random > 0.5", True),
        ("SELECT current_schema", True),
        ("SELECT RANDOM()", False),
        ("WITH x AS (SELECT now()) FROM x", False),
        ("SELECT 1 ORDER BY random()", False),
        ("SELECT list_transform([1], lambda x: x + random())", False),
        ("SELECT current_timestamp", False),
        ("FROM range(3) TABLESAMPLE 1 ROWS", False),
        ("SELECT 1 USING SAMPLE 1", False),
        ("SELECT 'random()'", True),
    ],
)
def test_chance_and_clock_are_found_anywhere(sql: str, deterministic: bool) -> None:
    statement = read_statement(parser(), sql)
    assert not isinstance(statement, Refused)
    assert statement.allowed.deterministic is deterministic


def test_statements_that_differ_in_numbers_alone_are_guessed_to_read_the_same() -> None:
    cache = ResultCache(ROOM)
    cache.learn("FROM t WHERE x > 5", Reads(frozenset({"t"}), False, True))
    likely = cache.likely("FROM t WHERE x > 1234")
    assert likely is not None and likely.names == {"t"}
    assert cache.likely("FROM t WHERE y > 5") is None
    assert cache.reads("FROM t WHERE x > 1234") is None, "a guess proves nothing"
