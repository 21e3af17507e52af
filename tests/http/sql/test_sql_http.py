"""SQL over HTTP: answers, refusals, and which status each fault has."""

import json
import socket
from collections.abc import Callable
from contextlib import closing

import pytest
from lake_server import Lake
from refusals import nothing_changes, refused
from running_queries import listed
from waiting import wait_until

Fresh = Callable[[], str]


def test_an_answer_has_columns_rows_and_their_number(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    made = lake.ingest(f"name={name}", b"zip,n\n00501,1\n10001,\n")
    answer = lake.sql(f"SELECT zip, n FROM {name} ORDER BY zip")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json == {
        "columns": [{"name": "zip", "type": "VARCHAR"}, {"name": "n", "type": "BIGINT"}],
        "rows": [["00501", 1], ["10001", None]],
        "row_count": 2,
    }
    assert answer.seq == made.seq
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("expression", "reported"),
    [
        ("9007199254740992::BIGINT", 9007199254740992),
        ("9007199254740993::BIGINT", "9007199254740993"),
        ("-9007199254740993::BIGINT", "-9007199254740993"),
        ("1.10::DECIMAL(9,2)", "1.10"),
        ("'NaN'::DOUBLE", "NaN"),
        ("0.1::DOUBLE", 0.1),
        ("true", True),
        ("NULL", None),
        ("DATE '2026-02-28'", "2026-02-28"),
        ("TIMESTAMPTZ '2026-02-28 01:00:00+01'", "2026-02-28T00:00:00Z"),
        ("'\\x00\\xFF'::BLOB", "AP8="),
        ("[1, NULL]", [1, None]),
        ("{'a': 1}", {"a": 1}),
        ("MAP {'k': 2}", [["k", 2]]),
        ("chr(0)", "\u0000"),
        ("'<\u2028\U0001f986>'", "<\u2028\U0001f986>"),
    ],
)
def test_json_is_exact(lake: Lake, expression: str, reported: object) -> None:
    answer = lake.sql(f"SELECT {expression} AS x")
    assert answer.status == 200, answer
    assert answer.json["rows"] == [[reported]]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1; SELECT 2",
        "CREATE TABLE t (a INT)",
        "DROP VIEW v",
        "INSERT INTO t VALUES (1)",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
        "SET memory_limit = '1TB'",
        "PRAGMA version",
        "CALL pragma_version()",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_parquet('objects/*')",
        "SELECT * FROM duckdb_secrets()",
        "SELECT getenv('HOME')",
        "BEGIN",
    ],
)
def test_what_is_no_single_read_only_statement_is_refused(lake: Lake, text: str) -> None:
    with nothing_changes(lake):
        answer = refused(lake.sql(text), 403, "statement_not_allowed")
    assert "root:" not in answer.json["detail"]


def test_a_file_is_no_table(lake: Lake) -> None:
    refused(lake.sql("SELECT * FROM '/etc/passwd'"), 400, "sql_error")
    refused(lake.sql("SELECT * FROM 'objects/*.parquet'"), 400, "sql_error")
    reported = refused(
        lake.sql(f"SELECT * FROM '{lake.bucket}/_journal/lake.json'"), 400, "sql_error"
    )
    assert str(lake.bucket) not in reported.body.decode()


@pytest.mark.parametrize(
    "text", ["", "   ", "-- only a comment", "SELEC 1", "SELECT", "SELECT * FROM nowhere",
             "SELECT nope FROM (SELECT 1 AS x)", "SELECT 1/", "SELECT ?", "SELECT '"],
)  # fmt: skip
def test_a_text_that_means_nothing_is_a_sql_error(lake: Lake, text: str) -> None:
    answer = refused(lake.sql(text), 400, "sql_error")
    assert str(lake.bucket) not in answer.json["detail"]


def test_duckdbs_message_keeps_its_position(lake: Lake) -> None:
    detail = refused(lake.sql("SELECT 1,\n  nope FROM (SELECT 1)"), 400, "sql_error").json["detail"]
    assert "LINE 2" in detail
    assert "nope" in detail


def test_parameters_are_values(lake: Lake) -> None:
    answer = lake.sql("SELECT ? AS a, ? AS b, ? AS c", params=["'; DROP", 2**53 + 1, None])
    assert answer.json["rows"] == [["'; DROP", str(2**53 + 1), None]]
    assert lake.sql("SELECT $x AS a", params={"x": 1.5}).json["rows"] == [[1.5]]


@pytest.mark.parametrize("params", [[["x"]], [{"a": 1}], "x", 5, [10**40]])
def test_odd_parameters_are_refused(lake: Lake, params: object) -> None:
    refused(lake.sql("SELECT ?", params=params), 400, "invalid_request")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"sql": None},
        {"sql": 1},
        {"sql": ["SELECT 1"]},
        {"sql": "SELECT 1", "timeout_ms": 0},
        {"sql": "SELECT 1", "timeout_ms": "5"},
        {"sql": "SELECT 1", "as_of": -1},
        {"sql": "SELECT 1", "as_of": 1.5},
        {"sql": "SELECT 1", "as_of": True},
        {"sql": "SELECT 1", "as_of": "soon"},
        {"sql": "SELECT 1", "format": 1},
    ],
)
def test_a_question_of_the_wrong_shape_is_refused(lake: Lake, body: dict[str, object]) -> None:
    refused(lake.ask("POST", "/v1/sql", body), 400, "invalid_request")


def test_a_poisoned_dataset_harms_only_who_asks_it(lake: Lake, fresh: Fresh) -> None:
    good, bad, key = fresh(), fresh(), fresh()
    lake.ingest(f"name={good}", b"a\n1\n")
    lake.put(key, b"this is no Parquet")
    lake.register(bad, key)
    assert lake.sql(f"SELECT * FROM {good}").json["rows"] == [[1]]
    answer = lake.sql(f"SELECT * FROM {bad}")
    assert answer.status in (400, 422), answer
    assert str(lake.bucket) not in answer.body.decode()
    assert lake.sql(f"SELECT * FROM {good}").json["rows"] == [[1]]


def test_a_dropped_dataset_is_gone_with_the_drops_answer(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    for number in range(3):
        lake.ingest(f"name={name}", f"a\n{number}\n".encode())
        assert lake.sql(f"SELECT * FROM {name}").json["rows"] == [[number]]
        lake.drop(name)
        refused(lake.sql(f"SELECT * FROM {name}"), 400, "sql_error")


def test_a_dataset_answers_to_any_spelling(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    assert lake.sql(f"SELECT * FROM {name.upper()}").json["rows"] == [[1]]
    assert lake.sql(f'SELECT * FROM "{name.title()}"').json["rows"] == [[1]]


def test_show_of_a_dataset_is_describe_and_never_a_setting(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"zip,n\n00501,1\n")
    described = lake.sql(f"DESCRIBE {name}").json
    for sql in (f"SHOW {name}", f"SHOW {name.upper()}", f"FROM (SHOW {name})", f"SHOW main.{name}"):
        assert lake.sql(sql).json == described
    assert lake.sql("SHOW lake.events").json == lake.sql("DESCRIBE lake.events").json
    for setting in ("threads", "home_directory", "TimeZone"):
        answer = refused(lake.sql(f"SHOW {setting}"), 400, "sql_error")
        assert "does not exist" in answer.json["detail"]
    lake.ingest("name=temp_directory", b"a\n1\n")
    column = ["a", "BIGINT", "YES", None, None, None]
    assert lake.sql("SHOW temp_directory").json["rows"] == [column]
    body = {"sql": "FROM (SHOW temp_directory)"}
    put = lake.ask("PUT", f"/v1/catalog/view/{fresh()}", json.dumps(body).encode())
    refused(put, 403, "statement_not_allowed")


def test_a_dataset_named_like_a_keyword_can_be_asked(lake: Lake) -> None:
    lake.ingest("name=select", b"a\n1\n")
    assert lake.sql('SELECT * FROM "select"').json["rows"] == [[1]]


def test_a_question_about_the_past(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    then = lake.ingest(f"name={name}", b"a\n1\n").seq
    lake.ingest(f"name={name}", b"a\n2\n")
    answer = lake.sql(f"SELECT * FROM {name}", as_of=then)
    assert (answer.json["rows"], answer.seq) == ([[1]], then)
    assert lake.sql(f"SELECT * FROM {name}", as_of=str(then)).json["rows"] == [[1]]
    refused(lake.sql(f"SELECT * FROM {name}", as_of=then - 1), 400, "sql_error")
    refused(lake.sql("SELECT 1", as_of=lake.head() + 1), 400, "as_of_in_future")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/*", "text/html, */*"])
def test_json_is_what_comes_where_it_is_accepted(lake: Lake, accept: str) -> None:
    answer = lake.sql("SELECT 1 AS x", {"Accept": accept})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("accept", ["text/html", "image/*", "nonsense"])
def test_a_format_that_nobody_offers_is_406(lake: Lake, accept: str) -> None:
    refused(lake.sql("SELECT 1 AS x", {"Accept": accept}), 406, "not_acceptable")
    refused(lake.sql("SELECT 1 AS x", format="xml"), 406, "not_acceptable")


LONG = "SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range % 7 = b.range % 3"


def test_a_query_past_its_time_is_cancelled(lake: Lake) -> None:
    refused(lake.sql(LONG, timeout_ms=200), 504, "query_timeout")
    assert lake.sql("SELECT random() AS x").status == 200


@pytest.mark.parametrize("half", [True, False])
def test_a_client_that_goes_away_cancels_its_query(lake: Lake, half: bool) -> None:
    with closing(lake.connect()) as sock:
        sock.sendall(lake.request("POST", "/v1/sql", {"sql": LONG}, {"Query-Id": "left"}))
        wait_until(lambda: listed(lake).get("left", {}).get("state") == "running")
        if half:
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b""
    wait_until(lambda: "left" not in listed(lake))
    assert lake.sql("SELECT random() AS x").status == 200, "the only worker is free again"


def test_an_endless_answer_to_a_client_that_left_ends(lake: Lake) -> None:
    with closing(lake.connect()) as sock:
        sock.sendall(lake.request("POST", "/v1/sql", {"sql": "SELECT * FROM range(100000000000)"}))
        assert sock.recv(1024).startswith(b"HTTP/1.1 200")
    wait_until(lambda: listed(lake) == {})
    assert lake.sql("SELECT random() AS x").status == 200


def test_an_answer_that_fails_midway_never_looks_complete(lake: Lake) -> None:
    text = "SELECT CASE WHEN range < 200000 THEN 1 ELSE error('late') END AS x FROM range(300000)"
    received = lake.raw(lake.request("POST", "/v1/sql", {"sql": text}))
    if received.startswith(b"HTTP/1.1 200"):
        assert not received.endswith(b"0\r\n\r\n")
    else:
        assert b"sql_error" in received
