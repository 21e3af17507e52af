"""The audit as a client sees it: what is recorded of a request, and what never is."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from audit_entries import entries
from command_line import CommandLine
from jsonschema import Draft202012Validator
from lake_server import Lake, running_lake
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
from py_ocsf_models.events.base_event import BaseEvent
from py_ocsf_models.objects.api import API
from py_ocsf_models.objects.metadata import Metadata
from refusals import refused

SECRET = "s3cr3t-v4lue"
TOKEN = f"lh_01hzyk_{SECRET}"


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A server that records every read."""
    with running_lake(tmp_path_factory.mktemp("audited") / "bucket", audit="all") as server:
        server.ingest("name=sales", b"id,amount\n1,10\n2,20\n")
        server.ingest("name=other", b"id\n1\n")
        server.put("raw/a.csv", b"bytes")
        yield server


def since(lake: Lake, request_id: str) -> dict[str, Any]:
    """The entry of one request."""
    return next(each for each in entries(lake) if each["request_id"] == request_id)


def test_a_refused_access_is_recorded_by_route_and_not_by_its_words(audited: Lake) -> None:
    headers = {"Host": "evil.example", "X-Request-Id": "foreign-1", "Authorization": TOKEN}
    refused(audited.ask("POST", "/v1/sql", {"sql": SECRET}, headers), 403, "foreign_host")
    found = since(audited, "foreign-1")
    assert found["kind"] == "refused"
    assert (found["status"], found["code"], found["route"]) == (403, "foreign_host", "none")
    assert found["address"] == "127.0.0.1"


def test_a_statement_that_is_not_allowed_is_recorded_without_its_text(audited: Lake) -> None:
    answer = audited.sql(f"COPY (SELECT '{SECRET}') TO 'x'", {"X-Request-Id": "copy-1"})
    refused(answer, 403, "statement_not_allowed")
    found = since(audited, "copy-1")
    assert (found["route"], found["kind"]) == ("POST /v1/sql", "refused")


def test_a_query_is_recorded_with_its_relations_versions_and_rows(audited: Lake) -> None:
    text = f"SELECT * FROM sales JOIN other USING (id) WHERE '{SECRET}' <> ''"
    for number, cache in enumerate(("fwd", "hit")):
        answer = audited.sql(text, {"X-Request-Id": f"query-{number}"})
        assert cache in answer.headers["Cache-Status"]
        found = since(audited, f"query-{number}")
        reads = {each["name"]: each["seq"] for each in found["reads"]}
        assert reads == {"sales": 1, "other": 2}
        assert (found["kind"], found["rows"], found["seq"]) == ("read", 1, answer.seq)


def test_a_query_of_the_past_names_the_past_version(audited: Lake) -> None:
    audited.ingest("name=moved", b"a\n1\n")
    first = audited.head()
    audited.ingest("name=moved&mode=append", b"a\n2\n")
    audited.sql("SELECT * FROM moved", {"X-Request-Id": "past-1"}, as_of=first)
    found = since(audited, "past-1")
    assert found["reads"] == [{"name": "moved", "seq": first}]
    assert (found["rows"], found["seq"]) == (1, first)
    text = f"SELECT * FROM moved AT (VERSION => {first})"
    audited.sql(text, {"X-Request-Id": "past-2"})
    assert since(audited, "past-2")["reads"] == [{"name": f"moved@{first}", "seq": first}]


def test_a_large_result_is_recorded_with_its_rows_once_it_is_sent(audited: Lake) -> None:
    answer = audited.sql("SELECT * FROM range(200000)", {"X-Request-Id": "large-1"})
    assert len(answer.json["rows"]) == 200_000
    assert since(audited, "large-1")["rows"] == 200_000


@pytest.mark.parametrize(
    ("method", "target", "name"),
    [
        ("GET", "/v1/catalog/manifest/sales", "sales"),
        ("GET", "/v1/catalog/history/sales", "sales"),
        ("GET", "/v1/storage/get/raw/a.csv", "raw/a.csv"),
        ("HEAD", "/v1/storage/get/raw%2Fa.csv", "raw/a.csv"),
        ("GET", "/v1/catalog/list", None),
        ("GET", "/v1/journal/events", None),
    ],
)
def test_every_read_of_the_lake_is_recorded(
    audited: Lake, method: str, target: str, name: str | None
) -> None:
    id_ = f"read-{method}-{target.replace('/', '-').replace('%', '-')}"
    answer = audited.ask(method, target, headers={"X-Request-Id": id_})
    assert answer.status == 200
    found = since(audited, id_)
    assert found["kind"] == "read"
    assert [each["name"] for each in found["reads"]] == ([name] if name else [])
    assert found["seq"] == answer.seq


def test_reads_of_the_process_and_changes_are_not_recorded(audited: Lake) -> None:
    headers = {"X-Request-Id": "not-kept"}
    for path in ("/health", "/ready", "/metrics", "/openapi.json"):
        assert audited.ask("GET", path, headers=headers).status == 200
    assert audited.put("raw/b", b"x", headers).status == 200
    assert audited.get("absent", headers).status == 404
    assert "not-kept" not in [each["request_id"] for each in entries(audited)]


def test_a_token_in_a_wrong_place_is_not_recorded(audited: Lake) -> None:
    audited.get(TOKEN, {"X-Request-Id": "misplaced", "Authorization": f"Bearer {TOKEN}"})
    audited.put(f"raw/{TOKEN}", b"x")
    audited.get(f"raw/{TOKEN}", {"X-Request-Id": "misplaced-2", "X-Actor": TOKEN})
    assert since(audited, "misplaced-2")["reads"][0]["name"] == "raw/lh_…"
    whole = json.dumps(entries(audited))
    assert SECRET not in whole


def test_nothing_that_was_sent_is_in_the_bytes_of_the_bucket(audited: Lake) -> None:
    import zstandard

    entries(audited)
    stored = sorted((audited.bucket / "_audit").rglob("*.zst"))
    assert stored
    for path in stored:
        text = zstandard.decompress(path.read_bytes(), max_output_size=1 << 26)
        assert SECRET.encode() not in text


def test_the_audit_can_be_queried(audited: Lake) -> None:
    audited.get("raw/a.csv", {"X-Request-Id": "by-sql"})
    entries(audited)
    sql = "SELECT route, kind, reads[1].name AS name, rows FROM lake.audit WHERE request_id = 'by-sql'"
    for _ in range(2):
        found = audited.sql(sql)
        assert found.json["rows"] == [["GET /v1/storage/get/{key}", "read", "raw/a.csv", None]]
        assert "bypass" in found.headers["Cache-Status"]
        audited.get("raw/a.csv")
        entries(audited)
    answer = audited.sql('SELECT typeof(max("at")) AS kind FROM lake.audit')
    assert answer.status == 200, answer
    kind = answer.json["rows"]
    assert kind == [["TIMESTAMP WITH TIME ZONE"]]


def test_pages_follow_each_other(audited: Lake) -> None:
    whole = [each["id"] for each in entries(audited)]
    first = audited.ask("GET", "/v1/audit/entries?limit=2").json
    assert [each["id"] for each in first["entries"]] == whole[:2]
    second = audited.ask("GET", f"/v1/audit/entries?limit=2&after={first['next']}").json
    assert [each["id"] for each in second["entries"]] == whole[2:4]
    refused(audited.ask("GET", "/v1/audit/entries?after=x"), 400, "invalid_request")


def test_the_audit_is_valid_ocsf(audited: Lake) -> None:
    audited.sql("SELECT 1 AS one")
    audited.sql("DROP TABLE sales")
    entries(audited)
    page = audited.ask("GET", "/v1/audit/entries?format=ocsf&limit=10000").json
    assert {event["status_id"] for event in page["events"]} == {1, 2}
    for event in page["events"]:
        check_ocsf(event)


def check_ocsf(event: dict[str, Any]) -> None:
    """By the official schema of the class, and by the models of a reader."""
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.5.0"))
    Draft202012Validator(schema.get_class_schema("api_activity")).validate(event)
    BaseEvent.model_validate(event)
    Metadata.model_validate(event["metadata"])
    API.model_validate(event["api"])


def test_users_cannot_write_or_remove_the_audit(audited: Lake) -> None:
    entries(audited)
    key = next((audited.bucket / "_audit").rglob("*.zst")).relative_to(audited.bucket)
    for answer in (audited.put(str(key), b"x"), audited.delete(str(key))):
        refused(answer, 400, "invalid_key")
    refused(audited.get(str(key)), 404, "object_not_found")
    assert (audited.bucket / key).exists()


def test_an_entry_has_these_members(audited: Lake) -> None:
    audited.get("raw/a.csv")
    entry = entries(audited)[-1]
    expected = {
        "id", "at", "kind", "principal", "token", "address", "door", "route", "request_id",
        "status", "code", "seq", "reads", "rows",
    }  # fmt: skip
    assert entry.keys() == expected


def test_the_command_line_reads_and_verifies(lakehouse: CommandLine, tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket", queries=False) as lake:
        lake.put("a", b"x")
        for _ in range(2):
            lake.ask("GET", "/health", headers={"Host": "evil.example"})
            lake.run(lake.service.audit.log.close(10))
    shown = [json.loads(line) for line in lakehouse("audit", "entries").splitlines()]
    assert [each["code"] for each in shown] == ["foreign_host", "foreign_host"]
    assert [each["id"][-10:] for each in shown] == ["00000001:1", "00000002:1"]
    rest = lakehouse("audit", "entries", "--after", shown[0]["id"], "--format", "ocsf")
    check_ocsf(json.loads(rest))
    assert len(lakehouse("audit", "entries", "--limit", "1").splitlines()) == 1
    report = json.loads(lakehouse("audit", "verify", "--json"))
    (head,) = report["heads"]
    assert (report["batches"], report["entries"], head["batch"]) == (2, 2, 2)
    recorded = f"{head['node']}:{head['batch']}:{head['sha256']}"
    assert lakehouse("audit", "verify", "--expect", recorded).splitlines()[1] == recorded
    first, last = sorted((tmp_path / "bucket" / "_audit").rglob("*.zst"))
    last.rename(tmp_path / "kept")
    found = lakehouse("audit", "verify", "--expect", recorded, code=4)
    assert "audit_corrupt" in found
    assert "missing" in found
    (tmp_path / "kept").rename(last)
    first.unlink()
    assert first.name in lakehouse("audit", "verify", code=4)


def test_events_are_valid_ocsf_as_pages_and_as_a_stream(audited: Lake) -> None:
    audited.drop("other")
    audited.ingest("name=other", b"id\n1\n")
    page = audited.ask("GET", "/v1/journal/events?format=ocsf&limit=1000").json
    for event in page["events"]:
        check_ocsf(event)
    assert {event["activity_id"] for event in page["events"]} >= {1, 4}
    connection = http.client.HTTPConnection("127.0.0.1", audited.port, timeout=60)
    with closing(connection):
        connection.request("GET", "/v1/journal/stream?format=ocsf")
        lines = iter(connection.getresponse().readline, b"")
        streamed = [next(each for each in lines if each.startswith(b"data: ")) for _ in range(3)]
        audited.put("raw/streamed", b"x")
        fresh = (json.loads(each[6:]) for each in lines if each.startswith(b"data: "))
        last = next(each for each in fresh if each["metadata"]["uid"] == str(audited.head()))
    assert [json.loads(each[6:]) for each in streamed] == page["events"][:3]
    check_ocsf(last)
