"""What a principal with few rights reads, through every door: only what is granted now."""

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from lake_server import Lake, running_lake
from principals import closed, principal
from raw_http import Answer, Client
from refusals import refused
from running_queries import LONG

SECRET = "payroll_q3"
PEOPLE = "id,name,born\n1,ana,1980-01-02\n2,bo,1990-03-04\n"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("reads") / "bucket") as lake:
        lake.token = closed(lake)
        assert lake.ingest("name=open_sales", b"a\n1\n").status == 200
        assert lake.ingest(f"name={SECRET}", b"a,salary\n1,99\n").status == 200
        assert lake.ingest("name=people", PEOPLE.encode()).status == 200
        safe = {"of": "people", "masks": {"born": "year"}, "unmasked": ["id"], "rows": "id = 1"}
        assert lake.ask("PUT", "/v1/catalog/view/people_safe", safe).status == 200
        plain = {"sql": f"SELECT a FROM {SECRET}"}
        assert lake.ask("PUT", "/v1/catalog/view/open_view", plain).status == 200
        masked = {"names": {"people": {"to": "people_safe"}}, "others": "visible"}
        assert lake.ask("PUT", "/v1/catalog/profile/masked", masked).status == 200
        lake.put("raw/open", b"1")
        lake.put("raw/secret", b"2")
        yield lake


@pytest.fixture(scope="module")
def reader(lake: Lake) -> Client:
    return principal(
        lake, "reader", {"open_*": ["read"], "storage:raw/open": ["read"], "mine_*": ["write"]}
    )


@pytest.fixture(scope="module")
def masked(lake: Lake) -> Client:
    """Reads `people` under a profile that puts a safe view in its place."""
    return principal(
        lake, "masked", {"people": ["read", "write"], "open_*": ["read"]}, profile="masked"
    )


def sql(client: Client, text: str, **more: Any) -> Answer:
    return client.ask("POST", "/v1/sql", {"sql": text, **more})


def rows(client: Client, text: str, **more: Any) -> list[list[Any]]:
    found = sql(client, text, **more)
    assert found.status == 200, found
    read: list[list[Any]] = found.json["rows"]
    return read


def shape(answer: Answer, name: str) -> tuple[int, dict[str, Any]]:
    body = json.loads(answer.body.decode().replace(name, "N"))
    body.pop("request_id", None)
    return answer.status, body


def test_a_refresh_says_nothing_of_a_statement_that_may_not_be_read(lake: Lake) -> None:
    lake.ingest("name=wages", b"salary\n99\n")
    derived = {"name": "mine_pay", "sql": "SELECT salary AS pay FROM wages WHERE salary > 41"}
    assert lake.ask("POST", "/v1/catalog/derive", derived).status == 200
    lake.ingest("name=wages&mode=append", b"salary\n100\n")
    clerk = principal(lake, "clerk", {"mine_*": ["read", "write"]})
    one = clerk.ask("POST", "/v1/catalog/refresh", {"name": "mine_pay"})
    every = clerk.ask("POST", "/v1/catalog/refresh", {"all": True})
    refused(one, 400, "sql_error")
    assert [row["outcome"] for row in every.json["results"]] == ["refused"]
    for found in (one, every):
        assert not any(word in found.body.decode() for word in ("wages", "salary"))
    for name in ("mine_pay", "wages"):
        assert lake.drop(name).status == 200


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


def test_a_grant_on_a_view_needs_none_on_its_base(reader: Client) -> None:
    assert rows(reader, "SELECT * FROM open_view") == [[1]]
    shown = reader.ask("GET", "/v1/catalog/view/open_view").json
    assert (shown["sql"], shown["reads"], shown["safe"]) == (None, [], None)


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
    connection = HTTPConnection("127.0.0.1", lake.port, timeout=20)
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
        assert reader.ask("GET", "/v1/queries").json == {"queries": []}
        for id_ in ("mine", running["query_id"]):
            refused(reader.ask("DELETE", f"/v1/queries/{id_}"), 404, "query_not_found")
    finally:
        assert lake.ask("DELETE", "/v1/queries/mine").json["cancelled"] == 1
        asking.join(20)
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


def test_under_a_profile_the_base_is_the_view(masked: Client) -> None:
    assert rows(masked, "SELECT * FROM people") == [[1, None, 1980]]
    assert rows(masked, "SELECT * FROM people", profile="MASKED") == [[1, None, 1980]]
    refused(sql(masked, "SELECT 1", profile="other"), 403, "forbidden")
    refused(masked.ask("GET", "/v1/catalog/list?profile=other"), 403, "forbidden")
    columns = rows(masked, "SELECT name, type FROM lake.columns WHERE dataset = 'people'")
    assert columns == [["id", "int64"], ["name", "string"], ["born", "int32"]]


@pytest.mark.parametrize("explain", ["EXPLAIN", "EXPLAIN ANALYZE", "EXPLAIN (FORMAT json)"])
@pytest.mark.parametrize("name", ["people", "open_view"])
def test_a_plan_shows_nothing_below_a_view(
    lake: Lake, masked: Client, explain: str, name: str
) -> None:
    before = rows(masked, f"SELECT count(*) FROM {name}")
    plan = sql(masked, f"{explain} SELECT count(*) FROM {name} WHERE 1 = 1")
    assert plan.status == 200, plan
    for word in (b"hidden", b"parquet", b"PARQUET", b"READ", b"salary", b"payroll", b"id = 1"):
        assert word not in plan.body, word
    assert rows(masked, f"SELECT count(*) FROM {name}") == before


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/catalog/manifest/people", None),
        ("GET", "/v1/catalog/history/people", None),
        ("GET", "/v1/catalog/why/people", None),
        ("GET", "/v1/catalog/why/people?where=name%3D'bo'", None),
        ("GET", "/v1/journal/events?dataset=people", None),
        ("GET", "/v1/catalog/diff?from=0", None),
        ("GET", "/v1/storage/list", None),
        ("GET", "/v1/catalog/views", None),
        ("POST", "/v1/sql", {"sql": "SELECT * FROM people_safe"}),
        ("POST", "/v1/sql", {"sql": "SELECT * FROM lake.objects"}),
        ("POST", "/v1/sql", {"sql": "SELECT * FROM lake.events"}),
        ("POST", "/v1/sql", {"sql": "SELECT * FROM lake.views"}),
        ("POST", "/v1/catalog/delete", {"name": "people", "where": "name = 'bo'", "dry_run": True}),
        ("POST", "/v1/catalog/pin", {"name": "people", "as_of": 5}),
    ],
)
def test_no_other_door_leads_to_the_base(
    lake: Lake, masked: Client, method: str, path: str, body: Any
) -> None:
    base = lake.manifest("people").json
    found = masked.ask(method, path, body)
    assert base["objects"][0]["key"].encode() not in found.body
    assert base["objects"][0]["sha256"].encode() not in found.body
    assert b"people_safe" not in found.body or b"does not exist" in found.body
    assert b'"bo"' not in found.body


def test_a_manager_cannot_show_what_it_may_not_read(lake: Lake) -> None:
    dee = principal(lake, "dee", {"d_*": ["manage", "read"], "open_sales": ["read"]})
    view = {"sql": f"SELECT * FROM {SECRET}"}
    refused(dee.ask("PUT", "/v1/catalog/view/d_v", view), 400, "sql_error")
    refused(dee.ask("PUT", "/v1/catalog/view/d_v", {"of": SECRET}), 400, "sql_error")
    profile = {"names": {"d_x": {"to": SECRET}}, "others": "visible"}
    refused(dee.ask("PUT", "/v1/catalog/profile/d_p", profile), 403, "forbidden")
    opened = {"names": {}, "others": "visible"}
    refused(dee.ask("PUT", "/v1/catalog/profile/masked", opened), 403, "forbidden")
    refused(dee.ask("DELETE", "/v1/catalog/profile/masked"), 403, "forbidden")
    assert dee.ask("PUT", "/v1/catalog/view/d_v", {"sql": "SELECT * FROM open_sales"}).status == 200


def test_a_refused_definition_names_nothing_hidden(lake: Lake) -> None:
    grants = {"g_*": ["manage", "read", "write"], "open_*": ["read"]}
    gil = principal(lake, "gil", grants)

    def view(client: Client, name: str, sql: str) -> Answer:
        return client.ask("PUT", f"/v1/catalog/view/{name}", {"sql": sql})

    def derive(client: Client, name: str, sql: str, **more: Any) -> Answer:
        return client.ask("POST", "/v1/catalog/derive", {"name": name, "sql": sql, **more})

    made = [view(gil, "g_v", "SELECT 1 AS a"), view(lake, "deep_v", "FROM g_v")]
    made += [view(lake, "open_v", "FROM deep_v"), derive(gil, "g_d", "FROM open_sales")]
    made += [derive(lake, "deep_d", "FROM g_d"), derive(lake, "open_d", "FROM deep_d")]
    assert [each.status for each in made] == [200] * 6
    again = {"op": "put_view", "name": "g_v", "sql": "FROM open_v"}
    found = [
        refused(view(gil, "g_v", "FROM open_v"), 409, "view_cycle"),
        gil.ask("POST", "/v1/catalog/transaction", {"changes": [again]}),
        refused(derive(gil, "g_d", "FROM open_d"), 409, "derivation_cycle"),
        derive(gil, "g_d", "FROM open_d", dry_run=True),
        derive(gil, "g_d", "FROM open_d", stage=True),
    ]
    assert lake.ask("DELETE", "/v1/catalog/view/deep_v").status == 200
    found.append(refused(view(gil, "g_w", "FROM open_v"), 400, "view_broken"))
    assert [each.json for each in found if b"deep_" in each.body] == []
    assert b"deep_d" in derive(lake, "g_d", "FROM open_d").body


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
            refused(eve.ask("POST", "/v1/journal/undo", undo), 403, "forbidden")
    done = eve.ask("POST", "/v1/journal/undo", {"seq": own})
    assert done.status == 200


def test_a_stream_ends_with_its_token(lake: Lake) -> None:
    flo = principal(lake, "flo")
    connection = HTTPConnection("127.0.0.1", lake.port, timeout=30)
    headers = {"Authorization": f"Bearer {flo.token}"}
    connection.request("GET", f"/v1/journal/stream?after={lake.head()}", headers=headers)
    stream = connection.getresponse()
    assert lake.ask("DELETE", "/v1/access/principals/flo").status == 200
    lake.put("raw/wake")
    assert b'"code":"unauthenticated"' in stream.read()
    connection.close()
