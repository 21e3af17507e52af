"""POST /mcp: the messages, each tool against its route, pages, sizes, access, and the command."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from lake_server import Lake, running_lake
from mcp_client import META, all_pages, content, headers, message, refusal, result, send
from principals import closed, principal
from raw_http import Client

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("mcp") / "bucket") as lake:
        lake.ingest("name=sales", b"id,price\n1,2.50\n2,3.50\n")
        lake.ingest("name=sales&mode=append", b"id,price\n3,4.50\n")
        yield lake


def test_discovery_names_the_version_and_the_tools(lake: Lake) -> None:
    found = send(lake, "server/discover").json["result"]
    assert found["supportedVersions"] == ["2026-07-28"]
    assert found["capabilities"] == {"tools": {}}
    tools = send(lake, "tools/list").json["result"]["tools"]
    assert all(tool["annotations"]["readOnlyHint"] for tool in tools)
    assert [tool["name"] for tool in tools] == [
        *("list_datasets", "describe_dataset", "query", "nearest", "history", "diff", "why"),
        *("preview_ingest", "preview_undo", "preview_restore"),
    ]


def test_a_client_that_initializes_is_served(lake: Lake) -> None:
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {}}
    body = {"jsonrpc": "2.0", "id": "a", "method": "initialize", "params": params}
    found = lake.ask("POST", "/mcp", body, JSON)
    assert (found.status, found.json["id"]) == (200, "a")
    assert found.json["result"]["protocolVersion"] == "2025-06-18"
    noticed = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    answer = lake.ask("POST", "/mcp", noticed, JSON)
    assert (answer.status, answer.body) == (202, b"")
    version = JSON | {"MCP-Protocol-Version": "2025-06-18"}
    body = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    assert lake.ask("POST", "/mcp", body, version).json == {"jsonrpc": "2.0", "id": 2, "result": {}}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, -32700),
        (b"\xff", 400, -32700),
        (b"[" * 5000, 400, -32700),
        (b"[]", 400, -32600),
        (json.dumps([message("tools/list")]).encode(), 400, -32600),
        (b'{"jsonrpc":"2.0","id":1,"result":{}}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', 400, -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"no/such"}', 404, -32601),
    ],
)
def test_messages_that_are_none_get_errors(lake: Lake, body: bytes, status: int, code: int) -> None:
    answer = lake.ask("POST", "/mcp", body, JSON)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)


@pytest.mark.parametrize("method", ["ping", "initialize", "resources/list", "logging/setLevel"])
def test_methods_that_the_version_lacks_are_not_found(lake: Lake, method: str) -> None:
    answer = send(lake, method)
    assert (answer.status, answer.json["error"]["code"]) == (404, -32601)


def changed(**meta: Any) -> dict[str, Any]:
    body = message("tools/list")
    body["params"]["_meta"] = META | {
        f"io.modelcontextprotocol/{name}": value for name, value in meta.items()
    }
    return body


@pytest.mark.parametrize(
    ("body", "sent", "code"),
    [
        (message("tools/list"), {"Mcp-Method": "tools/call"}, -32020),
        (message("tools/list"), {"MCP-Protocol-Version": "2025-11-25"}, -32020),
        (message("tools/call", name="query"), {"Mcp-Name": "why"}, -32020),
        (message("tools/call", name="query"), {"Mcp-Name": "=?base64?!?="}, -32020),
        (changed(protocolVersion="1900-01-01"), {"MCP-Protocol-Version": "1900-01-01"}, -32022),
        (changed(clientCapabilities=None), {}, -32602),
        (changed(protocolVersion=7), {}, -32602),
        (message("tools/call", name="drop"), {}, -32602),
        (message("tools/call", name="why", arguments={"name": 1}), {}, -32602),
        (message("tools/call", name="why", arguments={"name": "a", "x": 1}), {}, -32602),
    ],
)
def test_requests_that_contradict_the_protocol_are_refused(
    lake: Lake, body: dict[str, Any], sent: dict[str, str], code: int
) -> None:
    answer = lake.ask("POST", "/mcp", body, headers(body) | sent)
    assert (answer.status, answer.json["error"]["code"]) == (400, code)
    assert answer.json["id"] == 7


def test_an_encoded_name_is_read(lake: Lake) -> None:
    body = message("tools/call", name="list_datasets")
    encoded = headers(body) | {"Mcp-Name": "=?base64?bGlzdF9kYXRhc2V0cw==?="}
    assert lake.ask("POST", "/mcp", body, encoded).status == 200


def test_a_page_of_another_site_is_refused(lake: Lake) -> None:
    body = message("tools/list")
    foreign = headers(body) | {"Origin": "https://evil.example"}
    assert lake.ask("POST", "/mcp", body, foreign).status == 403
    assert lake.ask("GET", "/mcp").status == 405


def test_reads_answer_as_their_routes(lake: Lake) -> None:
    (listed,) = content(lake, "list_datasets")["datasets"]
    assert (listed["name"], listed["row_count"]) == ("sales", 3)
    described = content(lake, "describe_dataset", name="sales")
    manifest = lake.ask("GET", "/v1/catalog/manifest/sales").json
    assert {name: described[name] for name in manifest} == manifest
    found = content(lake, "query", sql="SELECT id, price FROM sales ORDER BY id")
    assert (found["columns"], found["rows"]) == (["id", "price"], [[1, 2.5], [2, 3.5], [3, 4.5]])
    events = content(lake, "history", name="sales")["events"]
    assert events == lake.ask("GET", "/v1/catalog/history/sales").json["events"]
    first, last = events[0]["seq"], events[-1]["seq"]
    past = content(lake, "query", sql="SELECT count(*) AS n FROM sales", as_of=first)
    assert (past["as_of"], past["rows"]) == (first, [[2]])
    (change,) = content(lake, "diff", **{"from": first, "to": last})["changes"]
    (expected,) = lake.ask("GET", f"/v1/catalog/diff?from={first}&to={last}").json["datasets"]
    assert change == {"kind": "dataset", **expected}
    found = content(lake, "why", name="sales", where="id = 3")
    assert found["uploads"] == lake.ask("GET", "/v1/catalog/why/sales?where=id=3").json["uploads"]


def test_previews_change_nothing(lake: Lake) -> None:
    head = lake.head()
    first = content(lake, "history", name="sales")["events"][0]["seq"]
    found = content(lake, "preview_ingest", name="new", content="a\n1\n2\n")
    assert found["dry_run"] is True
    undo = content(lake, "preview_undo", seq=head)
    assert (undo["dry_run"], undo["datasets"][0]["name"]) == (True, "sales")
    restored = content(lake, "preview_restore", name="sales", as_of=first)
    assert restored["type"] == "dataset_restored"
    assert restored["datasets"][0]["rows"]["to"] == 2
    assert lake.head() == head


def test_refusals_are_results_with_their_code(lake: Lake) -> None:
    assert refusal(lake, "describe_dataset", name="absent") == "dataset_not_found"
    assert refusal(lake, "query", sql="DROP TABLE sales") == "statement_not_allowed"
    assert refusal(lake, "query", sql="SELECT nothing FROM sales") == "sql_error"
    assert refusal(lake, "query", sql="SELECT 1", cursor="AAAA") == "invalid_request"
    assert refusal(lake, "query", sql="SELECT 1", cursor="é") == "invalid_request"
    assert refusal(lake, "preview_undo", seq=10**9) == "event_not_found"
    assert refusal(lake, "preview_restore", name="sales", as_of=0) == "dataset_not_found"
    assert refusal(lake, "preview_ingest", name="n", content="é" * 30_000) == "too_large"


def test_pages_of_a_query_are_the_whole_result_at_the_first_pages_moment(lake: Lake) -> None:
    rows = "".join(f"{n},{'x' * (n % 97)}\n" for n in range(5_000))
    lake.ingest("name=paged", f"id,text\n{rows}".encode())
    sql = "SELECT * FROM paged ORDER BY id"
    whole = lake.sql(sql).json["rows"]
    page = content(lake, "query", sql=sql)
    found = page["rows"]
    while "cursor" in page:
        lake.ingest("name=paged&mode=append", b"id,text\n-1,later\n")
        page = content(lake, "query", sql=sql, cursor=page["cursor"])
        found += page["rows"]
    assert found == whole
    assert lake.sql("SELECT count(*) FROM paged").json["rows"] > [[5_000]]


def test_a_query_in_another_order_is_refused_instead_of_losing_rows(lake: Lake) -> None:
    sql = "SELECT n, random() AS r FROM range(5000) t(n)"
    cursor = content(lake, "query", sql=sql)["cursor"]
    assert refusal(lake, "query", sql=sql, cursor=cursor) == "invalid_request"
    assert refusal(lake, "query", sql="SELECT 1", cursor=cursor) == "invalid_request"


def test_pages_of_a_list_are_the_whole_list(lake: Lake) -> None:
    for number in range(150):
        lake.register(f"listed_{number:03}_{'n' * 100}")
    page = content(lake, "list_datasets")
    assert "cursor" in page
    names = [each["name"] for each in all_pages(lake, "list_datasets", "datasets")]
    expected = lake.ask("GET", "/v1/catalog/list?limit=1000&summary=true").json["datasets"]
    assert names == [each["name"] for each in expected]
    changes = all_pages(lake, "diff", "changes", **{"from": 0})
    assert sorted(each["name"] for each in changes) == sorted(names)


def test_pages_of_a_history_end_at_the_first_pages_moment(lake: Lake) -> None:
    for number in range(150):
        reason = {"X-Change-Reason": "r" * 500}
        lake.ingest("name=often&min_rows=0&mode=append", f"a\n{number}\n".encode(), reason)
    seqs = [each["seq"] for each in lake.ask("GET", "/v1/catalog/history/often").json["events"]]
    page = content(lake, "history", name="often")
    found = [each["seq"] for each in page["events"]]
    assert "cursor" in page
    while "cursor" in page:
        lake.ingest("name=often&mode=append", b"a\n-1\n")
        page = content(lake, "history", name="often", cursor=page["cursor"])
        found += [each["seq"] for each in page["events"]]
    assert found == seqs


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT repeat('x', 1000000) AS a, 1 AS b",
        "SELECT repeat(chr(1), 300000) AS a, 1 AS b",
        "SELECT repeat('\"\\', 100000) AS a, 1 AS b",
        "SELECT repeat('\U0001f600', 100000) AS a, 1 AS b",
        "SELECT repeat(chr(8238), 60000) AS a, 1 AS b",
        "SELECT range(200000) AS a, 1 AS b",
        "SELECT repeat('x', 70000) AS a, 1 AS b FROM range(2)",
    ],
)
def test_a_cell_that_is_too_large_is_cut_and_says_so(lake: Lake, sql: str) -> None:
    found = content(lake, "query", sql=sql)
    assert found["truncated"] is True
    assert found["rows"][0][1] == 1


def test_many_columns_stay_within_the_size(lake: Lake) -> None:
    columns = ", ".join(f"1 AS column_{n}_{'c' * 50}" for n in range(2_000))
    assert content(lake, "query", sql=f"SELECT {columns}")["truncated"] is True


def test_an_error_text_stays_within_the_size(lake: Lake) -> None:
    found = result(lake, "query", sql=f"SELECT error('{'x' * 200_000}')")
    assert found["isError"]


def test_access_is_decided_as_on_the_routes(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_lake(tmp_path_factory.mktemp("closed") / "bucket", audit="all") as lake:
        lake.ingest("name=open_one", b"a\n1\n")
        lake.ingest("name=hidden", b"a\nsecret\n")
        lake.token = closed(lake)
        assert send(Client(lake.port), "tools/list").status == 401
        reader = principal(lake, "rita", {"open_one": ["read"]})
        listed = content(reader, "list_datasets")["datasets"]
        assert [each["name"] for each in listed] == ["open_one"]
        absent = result(reader, "describe_dataset", name="absent")["structuredContent"]
        hidden = result(reader, "describe_dataset", name="hidden")["structuredContent"]
        assert json.dumps(hidden).replace("hidden", "absent") == json.dumps(absent)
        assert result(reader, "query", sql="SELECT * FROM hidden")["isError"]
        assert refusal(reader, "history", name="hidden") == "dataset_not_found"
        assert refusal(reader, "why", name="hidden") == "dataset_not_found"
        assert refusal(reader, "preview_ingest", name="open_one", content="a\n1\n") == "forbidden"
        assert refusal(reader, "preview_restore", name="open_one", as_of=2) == "forbidden"
        lake.run(lake.service.audit.log.close(10))
        entries = lake.ask("GET", "/v1/audit/entries?limit=100").json["entries"]
        found = [each for each in entries if each["route"] == "POST /mcp"]
        assert {each["kind"] for each in found} == {"refused", "read"}
        assert "forbidden" in {each["code"] for each in found}


def test_the_nearest_rows_come_in_pages(lake: Lake) -> None:
    lines = "\n".join(json.dumps({"id": n, "v": [n, 9], "text": "x" * 20_000}) for n in range(5))
    json_lines = {"Content-Type": "application/x-ndjson"}
    assert lake.ingest("name=vectors", lines.encode(), json_lines).status == 200
    asked: dict[str, object] = {"dataset": "vectors", "column": "v", "vector": [4, 9], "k": 5}
    asked |= {"metric": "l2", "columns": ["id", "text"]}
    first = content(lake, "nearest", **asked)
    then = content(lake, "nearest", **asked, cursor=first["cursor"])
    assert [row[0] for row in first["rows"] + then["rows"]] == [4, 3]
    assert refusal(lake, "nearest", **asked | {"dataset": "none"}) == "dataset_not_found"
