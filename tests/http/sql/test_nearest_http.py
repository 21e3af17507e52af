"""`lake.nearest` in SQL: the rows, their order, and what is refused. Compared with distances by hand."""

import io
import json
import math
import random
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake_server import Lake
from raw_http import Answer
from refusals import refused

Fresh = Callable[[], str]
PARQUET = {"Content-Type": "application/vnd.apache.parquet"}
FEW: tuple[dict[str, object], ...] = (
    {"id": 0, "e": [0.0, 1.0], "kind": "a"},
    {"id": 1, "e": [1.0, 0.0], "kind": "b"},
    {"id": 2, "e": None, "kind": "b"},
    {"id": 3, "e": [0.0, 0.0], "kind": "b"},
    {"id": 4, "e": [2.0, 0.5], "kind": "a"},
    {"id": 5, "e": [3.0, 0.0], "kind": "b"},
)


def put(lake: Lake, name: str, rows: Sequence[object], query: str = "") -> None:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), file)
    assert lake.ingest(f"name={name}{query}", file.getvalue(), PARQUET).status == 200


def ids(answer: Answer) -> list[int]:
    assert answer.status == 200, answer.json
    return [row[0] for row in answer.json["rows"]]


def nearest(lake: Lake, name: str, rest: str = "[1.0, 0.0], 10") -> Answer:
    return lake.sql(f"SELECT id, distance FROM lake.nearest('{name}', 'e', {rest})")


def test_rows_come_nearest_first_with_their_distance(lake: Lake, fresh: Fresh) -> None:
    put(lake, name := fresh(), FEW)
    answer = lake.sql(f"SELECT * FROM lake.nearest('{name}', 'e', [1.0, 0.0], 3)")
    assert answer.status == 200, answer
    assert answer.json["columns"] == [
        {"name": "id", "type": "BIGINT"},
        {"name": "e", "type": "DOUBLE[]"},
        {"name": "kind", "type": "VARCHAR"},
        {"name": "distance", "type": "DOUBLE"},
    ]
    assert ids(answer) == [1, 5, 4]
    assert [row[3] for row in answer.json["rows"]] == [0.0, 0.0, 1 - 2 / math.sqrt(4.25)]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("cosine", [(1, 0.0), (5, 0.0), (4, 1 - 2 / math.sqrt(4.25)), (0, 1.0)]),
        ("l2", [(1, 0.0), (3, 1.0), (4, math.sqrt(1.25)), (0, math.sqrt(2)), (5, 2.0)]),
        ("ip", [(5, -3.0), (4, -2.0), (1, -1.0), (0, 0.0), (3, 0.0)]),
    ],
)
def test_rows_without_a_distance_are_left_out(
    lake: Lake, fresh: Fresh, metric: str, expected: list[tuple[int, float]]
) -> None:
    put(lake, name := fresh(), FEW)
    answer = nearest(lake, name, f"[1.0, 0.0], 10, metric => '{metric}'")
    assert ids(answer) == [each for each, _ in expected]
    assert [row[1] for row in answer.json["rows"]] == pytest.approx([far for _, far in expected])


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.float16()])
@pytest.mark.parametrize("sized", [True, False])
def test_equal_distances_keep_the_order_of_the_rows(
    lake: Lake, fresh: Fresh, kind: pa.DataType, *, sized: bool
) -> None:
    name, count = fresh(), 6_000
    random_numbers = random.Random(7)
    vectors = [[float(random_numbers.randrange(3)), 1.0, 2.0] for _ in range(count)]
    for part in (range(2_000), range(2_000, count)):
        list_type = pa.list_(kind, 3) if sized else pa.list_(kind)
        column = pa.array([vectors[n] for n in part], pa.list_(pa.float64())).cast(list_type)
        file = io.BytesIO()
        pq.write_table(pa.table({"id": list(part), "e": column}), file, row_group_size=100)
        assert lake.ingest(f"name={name}&mode=append", file.getvalue(), PARQUET).status == 200
    by_distance = sorted(range(count), key=lambda n: (abs(vectors[n][0] - 1.0), n))
    answer = nearest(lake, name, "[1, 1, 2], 5000, metric => 'l2'")
    assert ids(answer) == by_distance[:5_000]


def test_a_filter_chooses_the_rows_first(lake: Lake, fresh: Fresh) -> None:
    put(lake, name := fresh(), FEW)
    assert ids(nearest(lake, name, "[1.0, 0.0], 2, 'kind = ''a'''")) == [4, 0]
    assert ids(nearest(lake, name, "[1.0, 0.0], 2, filter => 'id > 1 and id < 5'")) == [4]
    assert ids(nearest(lake, name, "[1.0, 0.0], 2, filter => 'id = ANY([0, 5]) -- two'")) == [5, 0]


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("id IN (SELECT 1)", "a subquery is not allowed"),
        ("random() < 0.5", "random() is random"),
        ("id > ?", "a parameter is not allowed"),
        ("row_number() OVER () = 1", "a window function is not allowed"),
        ("1) OR (1", "filter must be one expression"),
        ("id > 1) ORDER BY (id", "filter must be one expression"),
        ("true) UNION (SELECT 1", "filter"),
        ("", "filter must be a constant text"),
        ("id >", "filter: syntax error"),
        ("nothing = 1", 'column "nothing" not found'),
        ("getenv('HOME') = ''", "getenv is not available"),
    ],
)
def test_a_filter_is_one_condition_over_the_rows(
    lake: Lake, fresh: Fresh, condition: str, words: str
) -> None:
    put(lake, name := fresh(), FEW)
    quoted = condition.replace("'", "''")
    answer = nearest(lake, name, f"[1.0, 0.0], 2, '{quoted}'")
    assert answer.status in (400, 403) and words in answer.json["detail"], answer.json
    assert "\x01" not in answer.json["detail"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("'{0}', 'e', [1.0], 2", "row 0 of {0} has 2 numbers in e; the vector has 1"),
        ("'{0}', 'e', [1.0], 2, 'id > 0'", "row 0 of those that match the filter of {0} has 2"),
        ("'{0}', 'e', [0, 0], 2", "a vector of zeros has no direction"),
        ("'{0}', 'e', [1e999, 0], 2", "a list of finite numbers"),
        ("'{0}', 'e', [], 2", "the vector is a list of numbers"),
        ("'{0}', 'e', [id, 1], 2", "the vector is a list of numbers"),
        ("'{0}', 'e', 'words', 2", "the vector is a list of numbers"),
        ("'{0}', 'e', [1, 2], 0", "k must be a constant number from 1 to 10,000"),
        ("'{0}', 'e', [1, 2], 10001", "k must be a constant number from 1 to 10,000"),
        ("'{0}', 'e', [1, 2], 1 + 1", "k must be a constant number from 1 to 10,000"),
        ("'{0}', 'e', [1, 2]", "k is missing"),
        ("'{0}', 'e', [1, 2], 1, metric => 'l1'", "metric must be one of cosine, l2, ip"),
        ("'{0}', 'e', [1, 2], 1, ef => 3", "'ef' is no argument"),
        ("'{0}', 'e', [1, 2], 1, k => 3", "is given twice"),
        ("'{0}', 'f', [1, 2], 1", "{0} has no column f"),
        ("'{0}', 'kinds', [1, 2], 1", 'Did you mean "kind"?'),
        ("'{0}', 'id', [1, 2], 1", "{0}.id is BIGINT; it must be a list of numbers"),
        ("'{0}', 'kind', [1, 2], 1", "can't be cast to the destination type DOUBLE[]"),
        ("'{0}x', 'e', [1, 2], 1", "Table with name {0}x does not exist"),
        ("'lake.events', 'e', [1, 2], 1", "is not the name of a dataset or view"),
        ("'{0}', 'e', [1, 2], 1, columns => ['id', 'none']", "{0} has no column none"),
    ],
)
def test_what_has_no_distance_is_refused_in_words(
    lake: Lake, fresh: Fresh, call: str, words: str
) -> None:
    put(lake, name := fresh(), FEW)
    answer = lake.sql(f"SELECT * FROM lake.nearest({call.format(name)})")
    refused(answer, 400, "sql_error")
    assert words.format(name) in answer.json["detail"], answer.json
    assert "\x01" not in answer.json["detail"] and "LINE" not in answer.json["detail"]


def test_a_row_that_lacks_a_number_is_named(lake: Lake, fresh: Fresh) -> None:
    put(lake, name := fresh(), [{"id": 0, "e": [1.5, 2]}, {"id": 1, "e": [1.5, None]}])
    answer = nearest(lake, name)
    assert f"row 1 of {name} has 1 numbers in e; the vector has 2" in answer.json["detail"]
    assert ids(nearest(lake, name, "[1, 2], 5, 'list_count(e) = 2'")) == [0]


@pytest.mark.parametrize(
    ("place", "params"),
    [
        ("?", [[1.0, 0]]),
        ("$1", [{"$type": "FLOAT[]", "value": "[1, 0]"}]),
        ("$vector", {"vector": [1, 0]}),
        ("$vector::FLOAT[2]", {"vector": [1, 0]}),
        ("[1, 0]::FLOAT[2]", None),
        ("ARRAY[1, 0]", None),
    ],
)
def test_the_vector_may_be_a_parameter(
    lake: Lake, fresh: Fresh, place: str, params: object
) -> None:
    put(lake, name := fresh(), FEW)
    sql = f"SELECT id FROM lake.nearest('{name}', 'e', {place}, 3) WHERE id < 5"
    assert ids(lake.ask("POST", "/v1/sql", {"sql": sql, "params": params})) == [1, 4]


def test_other_parameters_keep_their_places(lake: Lake, fresh: Fresh) -> None:
    put(lake, name := fresh(), FEW)
    sql = f"SELECT id, ?, ? FROM lake.nearest('{name}', 'e', ?, 3) WHERE id <> ?"
    answer = lake.ask("POST", "/v1/sql", {"sql": sql, "params": ["x", "y", [1, 0], 5]})
    assert answer.json["rows"] == [[1, "x", "y"], [4, "x", "y"]]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "a list of finite numbers"),
        ([], "a list of finite numbers"),
        ([0, 0], "a vector of zeros has no direction"),
        ([1], "the vector has 1"),
        ("words", "Conversion Error"),
        ({"$type": "DOUBLE[]", "value": "[1, NULL]"}, "a list of finite numbers"),
        ({"$type": "DOUBLE[]", "value": "[1, inf]"}, "a list of finite numbers"),
    ],
)
def test_a_parameter_that_is_no_vector_is_refused(
    lake: Lake, fresh: Fresh, value: object, words: str
) -> None:
    put(lake, name := fresh(), FEW)
    sql = f"SELECT id FROM lake.nearest('{name}', 'e', ?, 3)"
    answer = lake.ask("POST", "/v1/sql", {"sql": sql, "params": [value]})
    refused(answer, 400, "sql_error")
    assert words in answer.json["detail"], answer.json


def test_a_column_called_distance_keeps_its_name(lake: Lake, fresh: Fresh) -> None:
    put(lake, name := fresh(), [{"id": 0, "Distance": "far", "e": [3.0, 4.5]}])
    answer = lake.sql(f"SELECT * FROM lake.nearest('{name}', 'e', [3, 4], 1, metric => 'l2')")
    assert [each["name"] for each in answer.json["columns"]] == [
        "id",
        "Distance",
        "e",
        "distance_1",
    ]
    assert answer.json["rows"] == [[0, "far", [3.0, 4.5], 0.5]]
    chosen = "[3, 4], 1, metric => 'l2', columns => ['id']"
    assert nearest(lake, name, chosen).json["rows"] == [[0, 0.5]]


def test_it_joins_and_nests_like_any_relation(lake: Lake, fresh: Fresh) -> None:
    put(lake, name := fresh(), FEW)
    sql = (
        f"WITH {name} AS (SELECT 1 AS id) SELECT count(*) FROM lake.nearest('{name}', 'e', [1, 0], 2)"
        f" AS n(a, b, c, d) JOIN lake.nearest('{name}', 'e', [0, 1], 9, metric => 'l2') AS m ON n.a = m.id"
    )
    assert lake.sql(sql).json["rows"] == [[2]]


def test_the_past_is_asked_as_it_was(lake: Lake, fresh: Fresh) -> None:
    put(lake, name := fresh(), FEW)
    seq = lake.sql("SELECT 1").seq
    put(lake, name, [{"id": 9, "e": [1.5, 0], "kind": None}], "&mode=append")
    assert ids(nearest(lake, name)) == [1, 5, 9, 4, 0]
    assert ids(nearest(lake, name, f"[1, 0], 10, as_of => {seq}")) == [1, 5, 4, 0]
    sql = f"SELECT id FROM lake.nearest('{name}', 'e', [1, 0], 10)"
    assert ids(lake.ask("POST", "/v1/sql", {"sql": sql, "as_of": seq})) == [1, 5, 4, 0]
    assert ids(lake.ask("POST", "/v1/sql", {"sql": sql})) == [1, 5, 9, 4, 0]
    early = nearest(lake, name, "[1, 0], 10, as_of => 1")
    assert f"{name} did not exist at 1" in early.json["detail"]


def test_the_result_is_cached_like_any_other(lake: Lake, fresh: Fresh) -> None:
    put(lake, name := fresh(), FEW)
    first, again = nearest(lake, name), nearest(lake, name)
    assert first.body == again.body
    assert "hit" in again.headers["Cache-Status"] and "hit" not in first.headers["Cache-Status"]
    put(lake, name, FEW[:1])
    assert ids(nearest(lake, name)) == [0]


def test_a_view_is_searched_and_cannot_search(lake: Lake, fresh: Fresh) -> None:
    put(lake, name := fresh(), FEW)
    view = f"{name}_v"
    made = lake.ask(
        "PUT", f"/v1/catalog/view/{view}", {"sql": f"SELECT * FROM {name} WHERE id > 1"}
    )
    assert made.status == 200
    assert ids(nearest(lake, view)) == [5, 4]
    body = {"sql": f"SELECT * FROM lake.nearest('{name}', 'e', [1, 0], 2)"}
    answer = lake.ask("PUT", f"/v1/catalog/view/{view}", body)
    refused(answer, 403, "statement_not_allowed")
    assert "a view cannot use AT or lake.nearest" in answer.json["detail"]


def test_a_derived_dataset_keeps_what_it_searched(lake: Lake, fresh: Fresh) -> None:
    put(lake, name := fresh(), FEW)
    sql = f"SELECT id, distance FROM lake.nearest('{name}', 'e', $v, 2)"
    body = {"name": f"{name}_d", "sql": sql, "params": {"v": [1, 0]}, "mode": "replace"}
    made = lake.ask("POST", "/v1/catalog/derive", body)
    assert made.status == 200, made.json
    assert lake.sql(f"SELECT id FROM {name}_d").json["rows"] == [[1], [5]]
    why = lake.ask("GET", f"/v1/catalog/why/{name}_d").json
    assert name in json.dumps(why)


def test_a_condition_over_rows_cannot_search(lake: Lake, fresh: Fresh) -> None:
    put(lake, name := fresh(), FEW)
    where = f"id IN (SELECT id FROM lake.nearest('{name}', 'e', [1, 0], 2))"
    refused(
        lake.ask("POST", "/v1/catalog/delete", {"name": name, "where": where}), 400, "sql_error"
    )


def test_a_plan_shows_what_runs(lake: Lake, fresh: Fresh) -> None:
    put(lake, name := fresh(), FEW)
    answer = lake.sql(f"EXPLAIN SELECT id FROM lake.nearest('{name}', 'e', [1, 0], 2)")
    assert "Top N" in json.dumps(answer.json["rows"], ensure_ascii=False)


def test_arrays_of_ndjson_are_vectors(lake: Lake, fresh: Fresh) -> None:
    lines = b"\n".join(json.dumps(row).encode() for row in FEW)
    made = lake.ingest(f"name={(name := fresh())}", lines, {"Content-Type": "application/x-ndjson"})
    assert made.status == 200
    assert ids(nearest(lake, name)) == [1, 5, 4, 0]
