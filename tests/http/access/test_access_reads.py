"""What a principal with few rights reads, through every door: only what is granted now."""

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from lake_server import Lake
from principals import principal
from raw_http import Answer, Client
from refusals import refused
from restricted_lake import SECRET, reader_of, restricted_lake, rows, sql
from running_queries import LONG


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with restricted_lake(tmp_path_factory.mktemp("reads") / "bucket") as lake:
        yield lake


@pytest.fixture(scope="module")
def reader(lake: Lake) -> Client:
    return reader_of(lake)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("delete", {"where": "CAST(v AS INTEGER) = 1"}),
        ("update", {"where": "true", "set": {"id": "CAST(v AS INTEGER)"}}),
        ("update", {"where": "true", "set": {"id": "v"}}),
    ],
)
def test_who_may_only_write_sees_no_value_in_an_error(
    lake: Lake, path: str, body: dict[str, Any]
) -> None:
    assert lake.ingest("name=written", b"id,v\n1,s3cret\n").status == 200
    writer = principal(lake, f"w_{path}", {"written": ["write"]})
    both = principal(lake, f"rw_{path}", {"written": ["read", "write"]})
    for dry_run in (True, False):
        request = {"name": "written", "dry_run": dry_run} | body
        hidden = writer.ask("POST", f"/v1/catalog/{path}", request)
        shown = both.ask("POST", f"/v1/catalog/{path}", request)
        assert (hidden.status, hidden.json["code"]) == (shown.status, shown.json["code"])
        assert b"s3cret" in shown.body and b"s3cret" not in hidden.body
    query = "name=written&mode=overwrite&where=v::INT%3D1"
    over = writer.ask(
        "POST", f"/v1/ingest?{query}", b"id,v\n1,a\n", (("Content-Type", "text/csv"),)
    )
    assert over.json["code"] == "sql_error" and b"s3cret" not in over.body


def shape(answer: Answer, name: str) -> tuple[int, dict[str, Any]]:
    body = json.loads(answer.body.decode().replace(name, "N"))
    body.pop("request_id", None)
    return answer.status, body


ABSENT = "payroll_q9"
STATEMENTS = [
    "SELECT * FROM {name}",
    'SELECT * FROM "{name}"',
    "SELECT * FROM main.{name}",
    "WITH c AS (SELECT * FROM {name}) SELECT * FROM c",
    "SELECT (SELECT count(*) FROM {name})",
    "SELECT * FROM {name} AT (VERSION => 3)",
    "SELECT * FROM lake.at('{name}', 3)",
    "DESCRIBE {name}",
    "SHOW {name}",
    "SUMMARIZE {name}",
    "EXPLAIN SELECT * FROM {name}",
    "SELECT * FROM open_sales WHERE a IN (FROM {name} SELECT a)",
    'SELECT * FROM "!"."{name}"',
    'SELECT * FROM "!{name}"',
]


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("as_of", [None, 4])
def test_a_statement_finds_no_trace_of_it(
    reader: Client, statement: str, as_of: int | None
) -> None:
    more = {} if as_of is None else {"as_of": as_of}
    hidden = sql(reader, statement.format(name=SECRET), **more)
    absent = sql(reader, statement.format(name=ABSENT), **more)
    assert hidden.status in (400, 403)
    assert shape(hidden, SECRET) == shape(absent, ABSENT)


@pytest.mark.parametrize(
    "statement",
    [
        "SHOW TABLES",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM information_schema.columns",
        "SELECT * FROM lake.datasets",
        "SELECT * FROM lake.columns",
        "SELECT * FROM lake.views",
        "SELECT * FROM lake.objects",
        "SELECT * FROM lake.events",
        f"SELECT * FROM lake.events WHERE dataset = '{SECRET}'",
        "SELECT * FROM lake.events WHERE seq > 0",
        "SELECT * FROM lake.quarantine",
        "SELECT * FROM lake.rejections",
        "SELECT * FROM lake.audit",
        "SELECT * FROM lake.at('lake.datasets', 5)",
    ],
)
@pytest.mark.parametrize("admin_first", [True, False])
def test_the_system_views_are_of_what_is_granted(
    lake: Lake, reader: Client, statement: str, admin_first: bool
) -> None:
    """In either order: the files that hold a view's rows are not shared."""
    if admin_first:
        assert sql(lake, statement).status == 200
    found = sql(reader, statement)
    assert found.status in (200, 403), found
    assert SECRET.encode() not in found.body
    assert b"salary" not in found.body
    assert b"raw/secret" not in found.body
    assert b"people" not in found.body
    if not admin_first and "lake.datasets" in statement:
        assert SECRET.encode() in sql(lake, statement).body


def test_a_cached_result_is_its_own(lake: Lake, reader: Client) -> None:
    statement = "SELECT a, 7 FROM open_sales"
    first, again = sql(lake, statement), sql(lake, statement)
    assert "hit" in again.headers["Cache-Status"]
    own = sql(reader, statement)
    assert "hit" not in own.headers["Cache-Status"]
    assert own.headers["ETag"] != first.headers["ETag"]
    hidden = f"SELECT a FROM {SECRET} WHERE a = 1"
    assert sql(lake, hidden).status == 200
    refused(sql(reader, hidden), 400, "sql_error")


def test_near_names_are_of_what_may_be_read(lake: Lake, reader: Client) -> None:
    assert SECRET in sql(lake, "SELECT * FROM payroll_q").json["detail"]
    assert "Did you mean" not in sql(reader, "SELECT * FROM payroll_q").json["detail"]
    assert "open_sales" in sql(reader, "SELECT * FROM open_sale").json["detail"]


def test_lists_and_pages_are_of_what_may_be_read(lake: Lake, reader: Client) -> None:
    listed = reader.ask("GET", "/v1/catalog/list").json["datasets"]
    assert [each["name"] for each in listed] == ["open_sales"]
    page = reader.ask("GET", "/v1/storage/list?limit=1").json
    keys, more = [each["key"] for each in page["objects"]], page["next"]
    while more:
        page = reader.ask("GET", f"/v1/storage/list?limit=1&after={more}").json
        keys, more = keys + [each["key"] for each in page["objects"]], page["next"]
    (own,) = [each["key"] for each in listed[0]["objects"]]
    assert keys == [own, "raw/open"]
    assert reader.ask("GET", f"/v1/storage/get/{own}").status == 200
    manifest = lake.manifest(SECRET).json
    other = manifest["objects"][0]["key"]
    refused(reader.ask("GET", f"/v1/storage/get/{other}"), 404, "object_not_found")
    refused(reader.ask("GET", f"/v1/storage/get/{other}?as_of=5"), 404, "object_not_found")


def events(client: Client, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.ask("GET", f"/v1/journal/events?{query}").json["events"]
    return found


def test_events_of_what_may_not_be_read_are_not_there(lake: Lake, reader: Client) -> None:
    seen = events(reader)
    assert SECRET not in json.dumps(seen)
    assert {each["type"] for each in seen} == {"dataset_registered", "object_stored"}
    both = [{"op": "drop", "name": "both_a"}, {"op": "drop", "name": "open_b"}]
    for name in ("both_a", "open_b"):
        assert lake.ingest(f"name={name}").status == 200
    done = lake.ask("POST", "/v1/catalog/transaction", {"changes": both})
    (event,) = events(reader, f"after={done.seq - 1}")
    assert [each["data"]["name"] for each in event["data"]["changes"]] == ["open_b"]
    assert [each["entity"] for each in event["about"]] == ["dataset:open_b"]
    assert events(reader, f"after={done.seq - 1}&dataset=both_a") == []
    connection = HTTPConnection("127.0.0.1", lake.port, timeout=60)
    connection.request(
        "GET", "/v1/journal/stream", headers={"Authorization": f"Bearer {reader.token}"}
    )
    stream, sent = connection.getresponse(), b""
    while f'"seq":{done.seq}'.encode() not in sent:
        sent += stream.readline()
    connection.close()
    assert SECRET.encode() not in sent
    assert b"both_a" not in sent


def test_a_name_that_was_hidden_leaves_no_history(lake: Lake, reader: Client) -> None:
    assert lake.ingest("name=inner_plan").status == 200
    renamed = lake.ask("POST", "/v1/catalog/rename", {"name": "inner_plan", "to": "open_plan"})
    assert renamed.status == 200
    history = reader.ask("GET", "/v1/catalog/history/open_plan").json["events"]
    assert history == []
    why = reader.ask("GET", "/v1/catalog/why/open_plan").json
    assert why["uploads"] == []
    changed = reader.ask("GET", "/v1/catalog/diff?from=0").json["datasets"]
    assert "inner_plan" not in [each["name"] for each in changed]


def test_a_grant_is_judged_now_whatever_the_moment(lake: Lake) -> None:
    cy = principal(lake, "cy", {SECRET: ["read"]})
    assert rows(cy, f"SELECT salary FROM {SECRET}", as_of=4) == [[99]]
    assert lake.ask("DELETE", f"/v1/access/grants?principal=cy&on={SECRET}").status == 200
    for as_of in (None, 4):
        refused(sql(cy, f"SELECT salary FROM {SECRET}", as_of=as_of), 400, "sql_error")
    refused(cy.ask("GET", f"/v1/catalog/manifest/{SECRET}?as_of=4"), 404, "dataset_not_found")


def test_running_queries_are_ones_own(lake: Lake, reader: Client) -> None:
    """The id of a query is the server's; the client's own is kept beside it, and cancels its own."""
    asking = threading.Thread(target=lambda: lake.sql(LONG, {"Query-Id": "mine"}))
    asking.start()
    try:
        while not (found := lake.ask("GET", "/v1/queries").json["queries"]):
            pass
        (running,) = found
        assert running["client_query_id"] == "mine"
        assert running["query_id"] != "mine"
        assert reader.ask("GET", "/v1/queries").json["queries"] == []
        for id_ in ("mine", running["query_id"]):
            refused(reader.ask("DELETE", f"/v1/queries/{id_}"), 404, "query_not_found")
    finally:
        assert lake.ask("DELETE", "/v1/queries/mine").json["cancelled"] == 1
        asking.join(60)
    own = rows(reader, "SELECT DISTINCT actor FROM lake.queries")
    assert own == [["reader"]]


def test_idempotency_keys_and_staged_files_are_ones_own(lake: Lake, reader: Client) -> None:
    key = {"Idempotency-Key": "k", "Content-Type": "text/csv"}
    first = reader.ask("POST", "/v1/ingest?name=mine_a", b"a\n1\n", key)
    assert lake.ask("POST", "/v1/ingest?name=mine_a", b"a\n2\n", key).seq > first.seq
    staged = reader.ask("POST", "/v1/ingest?name=mine_b&stage=true", b"a\n1\n", key).json["staged"]
    commit = {"changes": [{"op": "commit", "staged": staged}]}
    refused(lake.ask("POST", "/v1/catalog/transaction", commit), 404, "staged_not_found")
    assert reader.ask("POST", "/v1/catalog/transaction", commit).status == 200


def test_expectations_tell_nothing(reader: Client) -> None:
    def expecting(name: str, seq: int | None) -> tuple[int, dict[str, Any]]:
        changes = [{"op": "restore", "name": "mine_none", "as_of": 1}]
        body = {"changes": changes, "expect": {name: seq}}
        return shape(reader.ask("POST", "/v1/catalog/transaction", body), name)

    for seq in (None, 3):
        assert expecting(SECRET, seq) == expecting(ABSENT, seq)


def test_a_dataset_over_anothers_objects_cannot_be_made(lake: Lake, reader: Client) -> None:
    hidden = lake.manifest(SECRET).json["objects"][0]["key"]

    def register(key: str) -> Answer:
        body = {"name": "mine_c", "schema_fingerprint": "f", "objects": [{"key": key}]}
        return reader.ask("POST", "/v1/catalog/register", body)

    for key, absent in ((hidden, "x" * len(hidden)), ("raw/secret", "raw/nothin")):
        refused(register(key), 422, "object_missing")
        assert shape(register(key), key) == shape(register(absent), absent)


def test_what_is_derived_cannot_read_more(lake: Lake, reader: Client) -> None:
    wanted = {"name": "mine_d", "sql": f"SELECT * FROM {SECRET}"}
    refused(reader.ask("POST", "/v1/catalog/derive", wanted), 400, "sql_error")
    through = {"name": "mine_d", "sql": "SELECT * FROM open_view"}
    made = reader.ask("POST", "/v1/catalog/derive", through)
    assert made.status == 200
    assert [each["name"] for each in made.json["reads"]] == ["open_view"]
    more = {"principal": "reader", "on": "mine_*", "can": ["read", "write"]}
    assert lake.ask("PUT", "/v1/access/grants", more).status == 200
    assert SECRET not in json.dumps(events(reader))
    assert SECRET not in reader.ask("GET", "/v1/catalog/manifest/mine_d").body.decode()


def test_an_erased_key_is_absent_to_who_may_not_read_it(lake: Lake) -> None:
    key = lake.ingest("name=gone", b"a,w\n1,x\n2,y\n").json["objects"][0]["key"]
    erase = {"name": "gone", "where": "a = 1", "reason": "asked", "dry_run": False}
    assert lake.ask("POST", "/v1/catalog/erase", erase).status == 200
    refused(lake.get(key), 410, "objects_collected")
    hal = principal(lake, "hal", {"open_*": ["read"]})
    refused(hal.ask("GET", f"/v1/storage/get/{key}"), 404, "object_not_found")
    lake.drop("gone")


def test_undo_needs_the_right_of_what_it_undoes(lake: Lake) -> None:
    eve = principal(lake, "eve", {"eve_*": ["write"]})
    own = eve.ask("POST", "/v1/ingest?name=eve_a", b"a\n1\n", {"Content-Type": "text/csv"}).seq
    for seq in (1, 2, 3):
        for dry_run in (True, False):
            undo = {"seq": seq, "dry_run": dry_run}
            answer = refused(eve.ask("POST", "/v1/journal/undo", undo), 403, "forbidden")
            # Neither what a hidden event changed nor of which kind it is.
            assert answer.json["detail"] == "that requires rights on all that the event changed"
    done = eve.ask("POST", "/v1/journal/undo", {"seq": own})
    assert done.status == 200


def test_a_stream_ends_with_its_token(lake: Lake) -> None:
    flo = principal(lake, "flo")
    connection = HTTPConnection("127.0.0.1", lake.port, timeout=60)
    headers = {"Authorization": f"Bearer {flo.token}"}
    connection.request("GET", f"/v1/journal/stream?after={lake.head()}", headers=headers)
    stream = connection.getresponse()
    assert lake.ask("DELETE", "/v1/access/principals/flo").status == 200
    lake.put("raw/wake")
    assert b'"code":"unauthenticated"' in stream.read()
    connection.close()


def test_changes_sent_again_are_answered_to_who_may_see_little(lake: Lake) -> None:
    gus = principal(lake, "gus", {"gus_*": ["read", "write", "manage"]})
    made = gus.ask("POST", "/v1/ingest?name=gus_a", b"a\n1\n", {"Content-Type": "text/csv"})
    dropped = {"changes": [{"op": "drop", "name": "gus_a"}], "expect": {"gus_a": made.seq}}
    profile = {"names": {"gus_b": {"to": "gus_a"}}, "others": "visible"}
    assert gus.ask("PUT", "/v1/catalog/profile/gus", profile).status == 200
    for number, (method, path, body) in enumerate(
        (
            ("DELETE", "/v1/catalog/profile/gus", None),
            ("POST", "/v1/catalog/transaction", dropped),
        )
    ):
        headers = {"Idempotency-Key": f"gus{number}"}
        first = gus.ask(method, path, body, headers)
        assert first.status == 200, first
        again = gus.ask(method, path, body, headers)
        assert (again.status, again.body) == (200, first.body)
