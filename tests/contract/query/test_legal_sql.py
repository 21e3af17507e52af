# ruff: noqa: E501 (one statement a line)
"""What must not be refused, with its answer. A guard that says no too often is no use either."""

from typing import Any

import pytest

from lakehouse.domain.errors import RefusedError

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEGAL: list[tuple[str, Any]] = [
    ("SELECT 42", [[42]]),
    ("select 1 + 2 * 3 % 4 - -1;", [[4]]),
    ("/* a */ SELECT 1 -- b", [[1]]),
    ("FROM Sales SELECT id WHERE amount > 25", [[3], [4]]),
    ("FROM sales SELECT count(*)", [[4]]),
    ("FROM main.SALES SELECT max(Amount)", [[40]]),
    ("FROM lake.main.SALES SELECT max(Amount)", [[40]]),
    ("SELECT lake.main.Sales.id, main.Sales.id, s.id FROM \"lake\".main.Sales, LAKE.main.Sales AS s ORDER BY ALL LIMIT 1",
     [[1, 1, 1]]),
    ("WITH sales AS (SELECT 1 AS id) SELECT count(*) FROM lake.main.sales", [[4]]),
    ("SELECT count(*) FROM states WHERE EXISTS (FROM lake.main.Sales WHERE lake.main.Sales.state = states.state)", [[2]]),
    ("SELECT lake.main.id FROM (SELECT {'main': {'id': 7}} AS lake)", [[7]]),
    ("SELECT count(*) FROM lake.information_schema.tables", [[4]]),
    ("SELECT column_name FROM (DESCRIBE lake.main.states)", [["state"], ["name"]]),
    ("TABLE states", [["IL", "Illinois"], ["NY", "New York"]]),
    ("VALUES (1, 'a'), (2, NULL)", [[1, "a"], [2, None]]),
    ("SELECT * FROM (VALUES (1), (2)) t(x)", [[1], [2]]),
    ("FROM empty", []),
    ("SELECT sum(x), count(DISTINCT part) FROM many", [[100, 5]]),
    ("SELECT s.name, sum(amount) FROM Sales JOIN states s USING (state) GROUP BY ALL ORDER BY 1",
     [["Illinois", 30], ["New York", 30]]),
    ("SELECT id FROM Sales LEFT JOIN states s ON Sales.state = s.state WHERE s.name IS NULL", [[4]]),
    ("SELECT count(*) FROM Sales NATURAL JOIN states", [[3]]),
    ("SELECT count(*) FROM Sales SEMI JOIN states USING (state)", [[3]]),
    ("SELECT id FROM Sales ANTI JOIN states USING (state)", [[4]]),
    ("SELECT a.id, b.name FROM Sales a POSITIONAL JOIN states b LIMIT 2",
     [[1, "Illinois"], [2, "New York"]]),
    ("SELECT a.x, b.x FROM many a ASOF JOIN many b ON a.x > b.x ORDER BY 1 LIMIT 1", [[10, 0]]),
    ("SELECT id, t FROM Sales, LATERAL (SELECT unnest(tags) AS t) ORDER BY ALL",
     [[1, "a"], [1, "b"], [4, "c"]]),
    ("SELECT count(*) FROM many a, many b", [[25]]),
    ("SELECT id, row_number() OVER (PARTITION BY state ORDER BY id DESC) FROM Sales ORDER BY 1 LIMIT 1",
     [[1, 2]]),
    ("SELECT x, lag(x, 1, -1) OVER w, sum(x) OVER w FROM many WINDOW w AS (ORDER BY x) LIMIT 2",
     [[0, -1, 0], [10, 0, 10]]),
    ("SELECT sum(x) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM many LIMIT 2",
     [[0], [10]]),
    ("SELECT first_value(x) OVER (ORDER BY x), ntile(2) OVER (ORDER BY x) FROM many LIMIT 1",
     [[0, 1]]),
    ("SELECT rank() OVER (ORDER BY x), percent_rank() OVER (ORDER BY x) FROM many LIMIT 1",
     [[1, 0.0]]),
    ("SELECT id FROM Sales QUALIFY row_number() OVER (PARTITION BY state ORDER BY id) = 1 ORDER BY 1",
     [[1], [3], [4]]),
    ("SELECT state, count(*) FROM Sales GROUP BY GROUPING SETS ((state), ()) ORDER BY ALL NULLS LAST",
     [["IL", 2], ["NY", 1], [None, 1], [None, 4]]),
    ("SELECT state, grouping(state), count(*) FROM Sales GROUP BY ROLLUP (state) ORDER BY 2, 1",
     [["IL", 0, 2], ["NY", 0, 1], [None, 0, 1], [None, 1, 4]]),
    ("SELECT count(*) FROM (SELECT state, id FROM Sales GROUP BY CUBE (state, id))", [[12]]),
    ("SELECT count(*) FILTER (amount > 15), sum(amount) FILTER (WHERE state = 'IL') FROM Sales",
     [[3, 30]]),
    ("SELECT state FROM Sales GROUP BY 1 HAVING count(*) > 1 ORDER BY 1", [["IL"]]),
    ("SELECT DISTINCT ON (state) state, id FROM Sales ORDER BY state, id LIMIT 1", [["IL", 1]]),
    ("PIVOT Sales ON state IN ('IL', 'NY') USING sum(amount) GROUP BY id ORDER BY id LIMIT 1",
     [[1, 10, None]]),
    ("SELECT * FROM (PIVOT Sales ON state IN ('IL') USING count(*) GROUP BY id) ORDER BY id LIMIT 1", [[1, 1]]),
    ("UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b INTO NAME k VALUE v", [["a", 1], ["b", 2]]),
    ("UNPIVOT (SELECT 1 AS a, 2 AS b) ON COLUMNS(*) INTO NAME k VALUE v", [["a", 1], ["b", 2]]),
    ("SELECT list_transform([1, 2], lambda x: x * 2), list_filter([1, 2], lambda x: x > 1)",
     [[[2, 4], [2]]]),
    ("SELECT list_reduce([1, 2, 3], lambda a, b: a + b), [1, 2, 3][2:], [3, 1][-1]",
     [[6, [2, 3], 1]]),
    ("SELECT [x * 2 FOR x IN [1, 2, 3] IF x > 1]", [[[4, 6]]]),
    ("SELECT {'a': 1, 'b': {'c': 2}}.b.c, struct_pack(x := 1), row(1, 2)", [[2, {"x": 1}, {"element1": 1, "element2": 2}]]),
    ("SELECT map(['a'], [1])['a'], map_keys(MAP {'k': 1}), element_at(MAP {'k': 1}, 'k')",
     [[1, ["k"], [1]]]),
    ("SELECT tags[1], len(tags), list_contains(tags, 'b') FROM Sales WHERE id = 1",
     [["a", 2, True]]),
    ("SELECT array_agg(id ORDER BY id DESC), string_agg(state, ',' ORDER BY id) FROM Sales",
     [[[4, 3, 2, 1], "IL,IL,NY"]]),
    ("SELECT list(id ORDER BY id), max_by(id, amount), arg_min(id, amount), any_value(7) FROM Sales",
     [[[1, 2, 3, 4], 4, 1, 7]]),
    ("SELECT median(amount), quantile_cont(amount, 0.5), mode(state), round(stddev(amount), 3) FROM Sales",
     [[25.0, 25.0, "IL", 12.91]]),
    ("SELECT approx_count_distinct(id) > 0, histogram(state), bool_and(id > 0) FROM Sales",
     [[True, [["IL", 2], ["NY", 1]], True]]),
    ("WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS x FROM a) SELECT * FROM a, b", [[1, 2]]),
    ("WITH t AS MATERIALIZED (FROM Sales) SELECT (SELECT count(*) FROM t), (SELECT max(id) FROM t)",
     [[4, 4]]),
    ("WITH sales AS (FROM Sales WHERE id = 1) SELECT count(*) FROM sales", [[1]]),
    ("WITH RECURSIVE f(n, m) AS (SELECT 1, 1 UNION ALL SELECT n + 1, m * (n + 1) FROM f WHERE n < 5)"
     " SELECT max(m) FROM f", [[120]]),
    ("WITH RECURSIVE r AS (SELECT 1 AS n UNION SELECT n % 3 + 1 FROM r) SELECT count(*) FROM r",
     [[3]]),
    ("WITH RECURSIVE r(a, b) USING KEY (a) AS (SELECT 1, 1 UNION SELECT a, b + 1 FROM r WHERE b < 3)"
     " SELECT * FROM r", [[1, 3]]),
    ("SELECT unnest([1, 2]) AS x, 'k'", [[1, "k"], [2, "k"]]),
    ("SELECT * FROM unnest([1, 2]) t(x)", [[1], [2]]),
    ("SELECT unnest({'a': 1, 'b': 2})", [[1, 2]]),
    ("SELECT unnest([[1], [2]], recursive := true)", [[1], [2]]),
    ("SELECT sum(i) FROM range(10) t(i)", [[45]]),
    ("SELECT * FROM generate_series(1, 5, 2)", [[1], [3], [5]]),
    ("SELECT count(*) FROM range(DATE '2024-01-01', DATE '2024-02-01', INTERVAL 1 DAY)", [[31]]),
    ("SELECT key, value FROM json_each('{\"a\": 1}')", [["a", "1"]]),
    ("SELECT '{\"a\": [1, 2]}'::JSON ->> '$.a[1]', json_extract('{\"a\": 1}', 'a')", [["2", "1"]]),
    ("SELECT regexp_extract('ab12', '[0-9]+'), regexp_replace('aab', 'a', 'b', 'g'), 'abc' ~ 'a.c'",
     [["12", "bbb", True]]),
    ("SELECT 'abc' LIKE 'a%', 'ABC' ILIKE 'a%', 'a' NOT LIKE 'b', 'abc' SIMILAR TO 'a.*', 'ab' GLOB 'a*'",
     [[True, True, True, True, True]]),
    ("SELECT upper('a') || lower('B') || trim(' c ') || substring('abc', 2, 1) || 'x'[1] || replace('a', 'a', 'b')",
     [["Abcbxb"]]),
    ("SELECT format('{}-{}', 1, 'a'), printf('%05d', 42), lpad('7', 3, '0'), md5('a')",
     [["1-a", "00042", "007", "0cc175b9c0f1b6a831c399e269772661"]]),
    ("SELECT string_split('a,b', ','), split_part('a,b', ',', 2), strip_accents('é'), levenshtein('a', 'b')",
     [[["a", "b"], "b", "e", 1]]),
    ("SELECT date_trunc('month', DATE '2024-02-29'), year(DATE '2024-02-29'), dayname(DATE '2024-02-29')",
     [["2024-02-01T00:00:00", 2024, "Thursday"]]),
    ("SELECT extract(dow FROM DATE '2024-02-29'), DATE '2024-02-29' + INTERVAL 1 YEAR, datediff('day', DATE '2024-01-01', DATE '2024-03-01')",
     [[4, "2025-02-28T00:00:00", 60]]),
    ("SELECT strftime(DATE '2024-02-29', '%d.%m.%Y'), strptime('1.2.2024', '%d.%m.%Y'), make_date(2024, 1, 2)",
     [["29.02.2024", "2024-02-01T00:00:00", "2024-01-02"]]),
    ("SELECT TIMESTAMPTZ '2024-01-01 12:00:00+00' AT TIME ZONE 'America/New_York'",
     [["2024-01-01T07:00:00"]]),
    ("SELECT time_bucket(INTERVAL 1 hour, TIMESTAMP '2024-01-01 12:34:56'), age(DATE '2024-02-01', DATE '2024-01-01')",
     [["2024-01-01T12:00:00", "1 month"]]),
    ("SELECT now() IS NOT NULL, current_date >= DATE '2024-01-01', current_timestamp IS NOT NULL, today() > DATE '2020-01-01'",
     [[True] * 4]),
    ("SELECT current_setting IS NULL FROM (SELECT NULL AS current_setting)", [[True]]),
    ("SELECT current_setting('TimeZone')", [["UTC"]]),
    ("SELECT CASE WHEN 1 > 2 THEN 'a' ELSE 'b' END, coalesce(NULL, 1), ifnull(NULL, 2), nullif(1, 1), if(true, 1, 2)",
     [["b", 1, 2, None, 1]]),
    ("SELECT 3 BETWEEN 1 AND 5, 1 IN (1, 2), 1 NOT IN (3), NULL IS NULL, 1 IS DISTINCT FROM NULL, NOT true",
     [[True, True, True, True, True, False]]),
    ("SELECT '7'::INT, CAST('x' AS VARCHAR), TRY_CAST('x' AS INT), try('x'::INT), 7::DECIMAL(4, 1)",
     [[7, "x", None, None, "7.0"]]),
    ("SELECT 7 // 2, 7 / 2, 2 ** 3, 5 & 3, 5 | 3, xor(5, 3), 1 << 3, ~5, 5!, @(-1)",
     [[3, 3.5, 8.0, 1, 7, 6, 8, -6, 120, 1]]),
    ("SELECT greatest(1, 2), least(1, 2), abs(-1), round(1.25, 1), ceil(1.2), ln(1), sqrt(4), gcd(4, 6)",
     [[2, 1, 1, "1.3", "2", 0.0, 2.0, 2]]),
    ("SELECT * EXCLUDE (tags, state) REPLACE (amount * 2 AS amount) FROM Sales LIMIT 1", [[1, 20]]),
    ("SELECT * RENAME (id AS number) FROM Sales WHERE number IS NULL OR true LIMIT 0", []),
    ("SELECT COLUMNS(*) FROM states LIMIT 1", [["IL", "Illinois"]]),
    ("SELECT COLUMNS('^n') FROM states LIMIT 1", [["Illinois"]]),
    ("SELECT COLUMNS(lambda c: c LIKE 'st%') FROM states LIMIT 1", [["IL"]]),
    ("SELECT max(COLUMNS(* EXCLUDE (tags))) FROM Sales", [[4, "NY", 40]]),
    ("SELECT states.* FROM states LIMIT 1", [["IL", "Illinois"]]),
    ("SELECT #1 FROM states ORDER BY #1 LIMIT 1", [["IL"]]),
    ("SELECT id AS i, i + 1 AS j FROM Sales ORDER BY j DESC LIMIT 1", [[4, 5]]),
    ("SELECT id FROM Sales ORDER BY id DESC NULLS LAST LIMIT 1 OFFSET 1", [[3]]),
    ("SELECT id FROM Sales ORDER BY ALL LIMIT 50%", [[1], [2]]),
    ("SELECT count(*) <= 4 FROM Sales USING SAMPLE 2 ROWS", [[True]]),
    ("SELECT count(*) <= 4 FROM Sales TABLESAMPLE reservoir(50%) REPEATABLE (7)", [[True]]),
    ("SELECT 1 AS a UNION ALL BY NAME SELECT 2 AS b", [[1, None], [None, 2]]),
    ("SELECT 1 UNION SELECT 1 EXCEPT SELECT 2 INTERSECT SELECT 2", [[1]]),
    ("(SELECT 1) UNION ALL (SELECT 2 ORDER BY 1 LIMIT 1)", [[1], [2]]),
    ("SELECT id FROM Sales WHERE amount > ALL (SELECT x FROM many WHERE x < 25)", [[3], [4]]),
    ("SELECT id FROM Sales WHERE state = ANY (SELECT state FROM states) ORDER BY 1 LIMIT 1", [[1]]),
    ("SELECT id FROM Sales s WHERE EXISTS (FROM states t WHERE t.state = s.state AND t.name LIKE 'N%')",
     [[3]]),
    ("SELECT (SELECT name FROM states t WHERE t.state = s.state) FROM Sales s WHERE id = 1",
     [["Illinois"]]),
    ("SELECT 'b' COLLATE NOCASE = 'B'", [[True]]),
    ("SELECT array_value(1.0, 2.0)::FLOAT[2] <-> array_value(1.0, 4.0)::FLOAT[2]", [[2.0]]),
    ("SELECT 'a'::ENUM('a', 'b') < 'b'::ENUM('a', 'b')", [[True]]),
    ("SELECT $$it's$$, 'it''s', e'tab\\t', \"x\" FROM (SELECT 1 AS \"x\")",
     [["it's", "it's", "tab\t", 1]]),
    ("SELECT 1_000, 1e3, .5, TRUE AND FALSE OR TRUE", [[1000, 1000.0, "0.5", True]]),
    ("SELECT typeof(1), pg_typeof(1), hash('a') = hash('a'), version() LIKE 'v%'",
     [["INTEGER", "integer", True, True]]),
    ("SELECT upper(name).lower() FROM states LIMIT 1", [["illinois"]]),
    ("DESCRIBE states", [["state", "VARCHAR", "YES", None, None, None],
                         ["name", "VARCHAR", "YES", None, None, None]]),
    ("DESCRIBE SELECT 1 AS a", [["a", "INTEGER", "YES", None, None, None]]),
    ("SELECT column_name FROM (DESCRIBE main.states)", [["state"], ["name"]]),
    ("SHOW TABLES", [["Sales"], ["empty"], ["many"], ["states"]]),
    ("SELECT count(*) FROM (SHOW ALL TABLES)", [[4]]),
    ("SELECT table_name, table_schema FROM information_schema.tables ORDER BY 1 LIMIT 2",
     [["Sales", "main"], ["empty", "main"]]),
    ("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'empty'",
     [["a", "BIGINT"], ["b", "VARCHAR"]]),
    ("SELECT count(*) FROM information_schema.schemata WHERE schema_name = 'main'", [[3]]),
    ("SELECT column_name, min, max, count FROM (SUMMARIZE many)",
     [["part", "0", "4", 5], ["x", "0", "40", 5]]),
    ("SUMMARIZE SELECT 1 AS a WHERE false",
     [["a", "INTEGER", None, None, 0, None, None, None, None, None, 0, None]]),
]  # fmt: skip


@pytest.mark.parametrize("workers", [2])
async def test_legal_statements_get_their_answers(make_lake: Any, workers: int) -> None:
    lake = await make_lake(workers=workers)
    assert len(LEGAL) >= 60
    failures = {}
    for sql, expected in LEGAL:
        try:
            rows = await lake.rows(sql)
        except RefusedError as error:
            rows = error.refused
        if rows != expected:
            failures[sql] = rows
    assert failures == {}


@pytest.mark.parametrize(
    "sql",
    ["EXPLAIN FROM Sales", "explain analyze SELECT count(*) FROM Sales", "EXPLAIN (FORMAT json) FROM many",
     "EXPLAIN (ANALYZE, FORMAT json) FROM many", "/* a */ EXPLAIN -- b\n SELECT 1", "EXPLAIN DESCRIBE Sales",
     "EXPLAIN (FROM Sales)", "EXPLAIN ANALYZE (SELECT 1)", "EXPLAIN SELECT $1"],
)  # fmt: skip
async def test_explain_shows_a_plan(lake: Any, sql: str) -> None:
    answer = await lake.ask(sql, [1] if "$1" in sql else None)
    assert [column["name"] for column in answer["columns"]] == ["explain_key", "explain_value"]
    assert answer["rows"][0][1]


@pytest.mark.parametrize(
    ("sql", "params", "rows"),
    [
        ("SELECT ?, ?, ?, ?, ?", [1, 1.5, "x", True, None], [[1, 1.5, "x", True, None]]),
        ("SELECT $2, $1", ["a", "b"], [["b", "a"]]),
        ("SELECT $a || $b", {"a": "x", "b": "y"}, [["xy"]]),
        ("SELECT id FROM Sales WHERE state = $state AND amount > $least", {"state": "IL", "least": 15}, [[2]]),
        ("SELECT typeof($1), $1", [2**63], [["HUGEINT", str(2**63)]]),
        ("SELECT typeof($1), $1", [-(2**127)], [["HUGEINT", str(-(2**127))]]),
        ("SELECT typeof($1), $1", [2**128 - 1], [["UHUGEINT", str(2**128 - 1)]]),
        ("SELECT typeof($1), $1", [2**62], [["BIGINT", str(2**62)]]),
        ("SELECT $1", ["'; DROP VIEW Sales; --"], [["'; DROP VIEW Sales; --"]]),
        ("SELECT to_days($1)", [2], [["2 days"]]),
        ("FROM Sales SELECT id ORDER BY id LIMIT $1", [1], [[1]]),
        ("SELECT count(*) FROM range($1)", [5], [[5]]),
    ],
)  # fmt: skip
async def test_parameters_have_the_types_of_their_json(
    lake: Any, sql: str, params: Any, rows: Any
) -> None:
    assert await lake.rows(sql, params) == rows


@pytest.mark.parametrize(
    ("sql", "params", "code"),
    [
        ("SELECT ?", [["x"]], "invalid_request"),
        ("SELECT $a", {"a": {"b": 1}}, "invalid_request"),
        ("SELECT ?", [2**128], "invalid_request"),
        ("SELECT ?", [], "sql_error"),
        ("SELECT ?", [1, 2], "sql_error"),
        ("SELECT $a", {"b": 1}, "sql_error"),
        ("SELECT ? + $a", {"a": 1}, "sql_error"),
        ("SELECT 1", [1], "sql_error"),
    ],
)
async def test_wrong_parameters_are_refused(lake: Any, sql: str, params: Any, code: str) -> None:
    with pytest.raises(RefusedError) as caught:
        await lake.ask(sql, params)
    assert caught.value.refused.code == code


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("", "the statement is empty"),
        (" ; ", "the statement is empty"),
        ("-- only a comment", "the statement is empty"),
        ("SELEC 1", 'Parser Error: syntax error at or near "SELEC"\n\nLINE 1: SELEC 1\n        ^'),
        ("SELECT\n  name,\n  nam\nFROM states", 'Binder Error: Referenced column "nam" not found'),
        ("FROM nope", "Catalog Error: Table with name nope does not exist!\n\nLINE 1: FROM nope\n"
                      "             ^"),
        ("SELECT 'x'::INT", "Conversion Error: Could not convert string 'x' to INT32"),
        ("SELECT nope(1)", "Function with name nope does not exist"),
        ("SELECT 1 FROM Sales GROUP BY sum(id)", "Binder Error"),
        ("SELECT error('mine')", "mine"),
    ],
)  # fmt: skip
async def test_a_wrong_statement_gets_duckdbs_message(lake: Any, sql: str, message: str) -> None:
    with pytest.raises(RefusedError) as caught:
        await lake.ask(sql)
    assert caught.value.refused.code == "sql_error"
    assert message in caught.value.refused.detail
