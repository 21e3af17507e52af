"""The guard's own decisions: scope, names, functions. The attacks are in tests/contract/query."""

import re

import duckdb
import pytest
from duckdb_sessions import cursor, parser

from journal.column_names import folded
from lakehouse.domain.errors import Refused
from lakehouse.query.policy import functions, guard
from lakehouse.query.policy.guard import Allowed
from lakehouse.query.policy.statement import _text, located, read_statement, unterminated
from lakehouse.query.policy.statement import tree as _tree


def judge(sql: str) -> Allowed | Refused:
    statement = read_statement(parser(), sql)
    return statement if isinstance(statement, Refused) else statement.allowed


SCOPES = [
    ("SELECT 1", set()),
    ("FROM Sales", {"sales"}),
    ("FROM main.sales", {"sales"}),
    ("FROM sales s JOIN other USING (x)", {"sales", "other"}),
    ("WITH t AS (SELECT 1) FROM t", set()),
    ("WITH t AS (SELECT 1) FROM T", set()),
    ("WITH t AS (SELECT 1) FROM main.t", {"t"}),
    ("WITH t AS (FROM t) FROM t", {"t"}),
    ("WITH u AS (FROM v), v AS (SELECT 1) FROM u", {"v"}),
    ("WITH v AS (SELECT 1), u AS (FROM v) FROM u", set()),
    ("SELECT * FROM (WITH t AS (SELECT 1) FROM t), t", {"t"}),
    ("SELECT (WITH t AS (SELECT 1) SELECT * FROM t) FROM t", {"t"}),
    ("WITH t AS (SELECT 1) SELECT (SELECT max(x) FROM (FROM t UNION ALL FROM u))", {"u"}),
    ("WITH t AS (SELECT 1) FROM t UNION FROM t ORDER BY (SELECT max(y) FROM t)", set()),
    ("(WITH t AS (SELECT 1) FROM t) UNION ALL FROM t", {"t"}),
    ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 9) FROM r", set()),
    ("WITH RECURSIVE r AS (FROM r UNION ALL FROM r) FROM r", {"r"}),
    ("WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT 2 FROM (FROM r) JOIN s ON true) FROM r", {"s"}),
    ("WITH a AS MATERIALIZED (SELECT 1), b AS MATERIALIZED (FROM a) FROM b", set()),
    ("WITH a AS (SELECT 1), b AS MATERIALIZED (FROM a), c AS (FROM b) FROM c", set()),
    ("WITH a AS MATERIALIZED (FROM a) FROM a", {"a"}),
    ("SELECT * FROM range(3) WHERE range IN (FROM ids)", {"ids"}),
    ("SELECT [(SELECT max(x) FROM q) FOR y IN z] FROM w", {"q", "w"}),
    ("SELECT sum(x) OVER (ORDER BY (SELECT max(a) FROM o)) FROM w", {"o", "w"}),
    ("SELECT count(*) FILTER (x > (SELECT min(a) FROM o)) FROM w", {"o", "w"}),
    ("FROM w LIMIT (SELECT count(*) FROM lim)", {"w", "lim"}),
    ("PIVOT w ON y IN ('a') USING sum((SELECT max(x) FROM o))", {"w", "o"}),
    ("DESCRIBE sales", {"sales"}),
    ("SUMMARIZE sales", {"sales"}),
    ("EXPLAIN FROM sales", {"sales"}),
    ("TABLE sales", {"sales"}),
    ("FROM unnest((SELECT list(x) FROM o))", {"o"}),
    ("FROM a, LATERAL (SELECT * FROM b WHERE b.x = a.x)", {"a", "b"}),
    # The long s and the Kelvin sign fold to s and k in Python's lower(), and not in DuckDB's.
    ("FROM ſales", {"ſales"}),
    ("WITH k AS (SELECT 1) FROM \"\u212a\"", {"\u212a"}),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "relations"), SCOPES, ids=[sql for sql, _ in SCOPES])
def test_the_datasets_of_a_statement_are_what_is_no_cte_in_scope(
    sql: str, relations: set[str]
) -> None:
    allowed = judge(sql)
    assert isinstance(allowed, Allowed)
    assert allowed.relations == relations


@pytest.mark.parametrize(("sql", "relations"), SCOPES, ids=[sql for sql, _ in SCOPES])
def test_duckdb_finds_no_other_relation_than_we_did(sql: str, relations: set[str]) -> None:
    """Without the tables it misses exactly one of ours; a name that it misses is one of ours."""
    missing = None
    try:
        cursor().execute(sql)
    except duckdb.Error as error:
        # Any other complaint (a type, an aggregate) comes after every name was found.
        missing = re.match(
            r'(?:Catalog Error: Table with name|Binder Error: Circular reference to CTE) "?(\w+)',
            str(error),
        )
    if missing:
        assert folded(missing[1]) in relations
    else:
        assert not relations


@pytest.mark.parametrize(
    "sql",
    ["SHOW TABLES", "SHOW ALL TABLES", "SHOW", "DESCRIBE", "FROM (SHOW TABLES)",
     "FROM information_schema.tables", "SELECT * FROM INFORMATION_SCHEMA.Columns c JOIN t ON true"],
)  # fmt: skip
def test_a_listing_wants_all_datasets(sql: str) -> None:
    allowed = judge(sql)
    assert isinstance(allowed, Allowed)
    assert allowed.all_relations


@pytest.mark.parametrize("sql", ["SHOW People", "FROM (SHOW people)", "SHOW main.people"])
def test_show_of_a_name_reads_the_relation_of_that_name(sql: str) -> None:
    """DuckDB shows the setting of that name where there is no such relation; a query then fails."""
    allowed = judge(sql)
    assert isinstance(allowed, Allowed)
    assert allowed.relations == {"people"}


@pytest.mark.parametrize("sql", ["SHOW DATABASES", "SHOW TABLES FROM main", "SHOW other.people"])
def test_show_of_anything_else_is_refused(sql: str) -> None:
    refused = judge(sql)
    assert isinstance(refused, Refused)
    assert refused.code == "statement_not_allowed"


def test_every_function_of_this_duckdb_is_decided() -> None:
    decided = (
        functions.SCALAR | functions.TABLE | functions.REFUSED | functions.WINDOW | functions.PARSED
    )
    rows = cursor().execute("SELECT DISTINCT function_name FROM duckdb_functions()").fetchall()
    names = {folded(name) for (name,) in rows}
    undecided = {
        name for name in names - decided if not name.startswith(functions.INTERNAL_PREFIXES)
    }
    assert not undecided
    assert not functions.REFUSED & (functions.SCALAR | functions.PARSED | functions.WINDOW)


def test_no_allowed_function_is_one_of_those_that_reach_outside() -> None:
    outside = re.compile(
        r"^(read_|.*_scan$|parquet_|sniff|glob$|duckdb_|pragma_|query|.*secret|.*logg?(s|ing)$"
        r"|write_|nextval|currval|getenv|getvariable|current_setting|sleep|json_(de)?serialize"
        r"|json_execute|checkpoint|force_|st_read|st_drivers|storage_info)"
    )
    allowed = functions.SCALAR | functions.TABLE | functions.PARSED | functions.WINDOW
    assert [name for name in sorted(allowed) if outside.match(name)] == []


def test_an_unknown_function_is_refused_before_duckdb_looks_for_it() -> None:
    refused = judge("SELECT no_such_function(1)")
    assert refused == Refused(
        "sql_error", "Catalog Error: Function with name no_such_function does not exist!"
    )


def test_a_node_that_the_guard_has_never_seen_is_refused() -> None:
    tree = {"statements": [{"node": {"type": "INSERT_QUERY_NODE"}}]}
    refused = guard.check(tree)
    assert isinstance(refused, Refused)
    assert refused.code == "statement_not_allowed"
    tree = {"statements": [{"node": {"type": "SELECT_NODE", "new": [{"type": "COPY_REF"}]}}]}
    assert isinstance(guard.check(tree), Refused)
    tree = {"statements": [{"node": {"type": "SELECT_NODE", "new": {"class": "NEW", "type": "X"}}}]}
    assert isinstance(guard.check(tree), Refused)


def test_depth_is_refused_not_crashed() -> None:
    refused = judge("SELECT " + "(" * 400 + "1" + ")" * 400)
    assert isinstance(refused, Allowed | Refused)
    tree: dict[str, object] = {"type": "SELECT_NODE"}
    for _ in range(100_000):
        tree = {"type": "SELECT_NODE", "left": tree}
    deep = guard.check({"statements": [{"node": tree}]})
    assert isinstance(deep, Refused) and deep.code == "sql_error"
    while "left" in tree:  # Python frees nested dicts by recursion
        tree = tree.pop("left")  # type: ignore[assignment]


def test_a_caret_stands_under_the_byte_that_is_meant() -> None:
    assert located("SELECT 'é',\n x FROM nope", 21) == "LINE 2:  x FROM nope\n                ^"
    long = "SELECT " + "a, " * 60 + "b FROM nope"
    line, caret = located(long, long.index("nope")).split("\n")
    assert line[caret.index("^") :].startswith("nope")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 'é;' ; -- x", "SELECT 'é;' "),
        ("SELECT 1 -- ; \n", "SELECT 1 -- ; \n"),
        ("SELECT 1;;", "SELECT 1"),
        ("SELECT $$;$$", "SELECT $$;$$"),
        ('SELECT ";" /* ; */ ;', 'SELECT ";" /* ; */ '),
    ],
)
def test_only_the_final_semicolon_is_taken_away(sql: str, expected: str) -> None:
    assert unterminated(sql) == expected


@pytest.mark.parametrize("sql", [sql for sql, _ in SCOPES if not sql.startswith("EXPLAIN")])
def test_a_tree_written_as_text_is_the_same_tree(sql: str) -> None:
    """What travels in time runs as DuckDB wrote it from the tree: it must mean the same."""
    connection = parser()
    tree = _tree(connection, sql)
    again = _tree(connection, _text(connection, tree))
    assert guard.check(again) == guard.check(tree) or without_locations(again) == without_locations(
        tree
    )


def without_locations(value: object) -> object:
    if isinstance(value, list):
        return [without_locations(item) for item in value]
    if isinstance(value, dict):
        return {
            k: without_locations(v) for k, v in value.items() if not k.startswith("query_location")
        }
    return value
