"""Every documented answer, by a real request: its members by name, the document, and its struct.

`answer_members` repeats the names on purpose: renaming a member in `lakehouse.api` changes the answer,
the document and the struct together, and only these tests fail.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from answer_members import (
    ANY,
    AUDIT_ENTRY,
    CHANGE,
    CLOUD_EVENT,
    COLLECTED,
    COLUMN,
    DERIVE_DRY_RUN,
    DERIVED,
    DRY_RUN,
    ERASED,
    EVENT,
    GC,
    GRANT,
    MANIFEST,
    ME,
    MOVED,
    PIN,
    PRINCIPAL,
    PROBLEM,
    QUERY,
    RECEIPT,
    STAGED,
    STORED,
    SUMMARY,
    TOKEN,
    UNDONE,
    UPLOAD,
    VIEWS,
    members,
)
from jsonschema import Draft202012Validator
from lake_server import Lake, running_lake
from principals import closed
from raw_http import Answer
from running_queries import LONG, asking

from lakehouse.api.access import (
    Grant,
    GrantDropped,
    GrantList,
    IssuedToken,
    Me,
    Principal,
    PrincipalDropped,
    PrincipalList,
    TokenList,
    TokenRevoked,
)
from lakehouse.api.audit.entries import AuditPage, OcsfPage
from lakehouse.api.catalog import DatasetPage, Dropped, Manifest, ManifestPage
from lakehouse.api.change_sets import Renamed, TransactionReceipt
from lakehouse.api.definitions import (
    Profile,
    ProfileDropped,
    ProfileList,
    View,
    ViewDropped,
    ViewList,
)
from lakehouse.api.derivation import DeriveDryRun, DeriveReceipt, RefreshedAll
from lakehouse.api.gc import GcReport
from lakehouse.api.ingest import IngestDryRun, IngestReceipt, StagedIngest
from lakehouse.api.journal import EventPage, JournalHead, StreamedEvent, StreamEnd
from lakehouse.api.problem import Problem
from lakehouse.api.provenance import Lineage
from lakehouse.api.rows import DeleteReceipt, EraseReport, UpdateReceipt
from lakehouse.api.sql import CancelledQueries, RunningQueries, SqlResult
from lakehouse.api.status import Health, Ready
from lakehouse.api.storage import ObjectPage, StoredObject
from lakehouse.api.time_travel import CatalogDiff, PinReceipt, Pins, Undone
from lakehouse.api.upkeep.compaction import CompactReport
from lakehouse.api.upkeep.quarantine import QuarantineList
from lakehouse.mcp.documents import McpAnswer
from lakehouse.web.routes import ROUTES

CSV = (("Content-Type", "text/csv"),)
CHANGED_BY = (
    ("X-Actor", "ada"), ("X-Change-Reason", "the audit"), ("Idempotency-Key", "k-1"),
)  # fmt: skip


class Documented:
    """The OpenAPI document of one lake."""

    def __init__(self, lake: Lake) -> None:
        self.document: dict[str, Any] = lake.ask("GET", "/openapi.json").json

    def check(self, answer: Answer, route: str, struct: type[Any], expected: Any) -> Any:
        """The answer as JSON, once it has its members, and is what document and struct say."""
        method, path = route.split()
        assert answer.status == 200, answer
        operation = self.document["paths"][path][method.lower()]
        content = operation["responses"]["200"]["content"]["application/json"]
        self.conforms(content["schema"], answer.json)
        self.conforms({"$ref": f"#/components/schemas/{struct.__name__}"}, answer.json)
        members(answer.json, expected)
        decoded(answer.body, struct)
        return answer.json

    def conforms(self, schema: dict[str, Any], body: Any) -> None:
        components = {"components": self.document["components"]}
        Draft202012Validator(schema | components).validate(body)


def decoded(body: bytes, struct: type[Any]) -> None:
    """A client that decodes the body loses nothing of it."""
    found = msgspec.json.decode(body, type=struct)
    assert msgspec.json.decode(msgspec.json.encode(found)) == msgspec.json.decode(body)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("answers") / "bucket") as lake:
        yield lake


@pytest.fixture(scope="module")
def documented(lake: Lake) -> Documented:
    return Documented(lake)


def post(lake: Lake, path: str, **body: Any) -> Answer:
    return lake.ask("POST", path, body, CHANGED_BY[:2])


def test_storage(lake: Lake, documented: Documented) -> None:
    documented.check(lake.put("s/a"), "PUT /v1/storage/put/{key}", StoredObject, STORED)
    page = lake.ask("GET", "/v1/storage/list?prefix=s/")
    listed = {"objects": [STORED | {"created_at": 0}], "next": 0}
    documented.check(page, "GET /v1/storage/list", ObjectPage, listed)


def test_the_catalog(lake: Lake, documented: Documented) -> None:
    lake.put("c/a")
    check, schemaless = documented.check, MANIFEST | {"schema": 0}
    check(lake.register("c", "c/a"), "POST /v1/catalog/register", Manifest, schemaless)
    seq = lake.ingest("name=c2").json["seq"]
    check(lake.manifest("c2"), "GET /v1/catalog/manifest/{name}", ManifestPage, MANIFEST)
    page = {"datasets": [MANIFEST], "seq": 0, "next": 0}
    listed = lake.ask("GET", "/v1/catalog/list?after=c&limit=1")
    check(listed, "GET /v1/catalog/list", DatasetPage, page)
    short = lake.ask("GET", "/v1/catalog/list?summary=true")
    check(short, "GET /v1/catalog/list", DatasetPage, page | {"datasets": [SUMMARY]})
    dropped = {"name": 0, "dataset_id": 0, "seq": 0}
    check(lake.drop("c2"), "DELETE /v1/catalog/manifest/{name}", Dropped, dropped)
    restored = post(lake, "/v1/catalog/restore", name="c2", as_of=seq)
    check(restored, "POST /v1/catalog/restore", Manifest, MANIFEST)
    history = lake.ask("GET", "/v1/catalog/history/c2")
    events = {"events": [EVENT], "next": 0}
    check(history, "GET /v1/catalog/history/{name}", EventPage, events)


def test_ingest(lake: Lake, documented: Documented) -> None:
    bad, exact = b"a,,c\n1,x,0.10000000000000000001\n2\n", "&types=c:double"
    aside = lake.ingest(f"name=i&on_error=quarantine{exact}", bad)
    documented.check(aside, "POST /v1/ingest", IngestReceipt, RECEIPT)
    file = {"key": 0, "row_count": 0, "seq": 0, "options": ANY}
    held = lake.ask("GET", "/v1/catalog/quarantine/i")
    files = {"name": 0, "files": [file], "seq": 0}
    documented.check(held, "GET /v1/catalog/quarantine/{name}", QuarantineList, files)
    lake.ingest("name=j", b"a\n1\n")
    again = lake.ingest("name=j&mode=append&dedupe=source", b"a\n1\n")
    plain = RECEIPT | {"quarantine": 0, "renamed": ANY, "rounded": ANY, "duplicate_of": 0}
    documented.check(again, "POST /v1/ingest", IngestReceipt, plain)
    foreseen = lake.ingest(f"name=k&dry_run=true{exact}", bad)
    documented.check(foreseen, "POST /v1/ingest", IngestDryRun, DRY_RUN)


def test_ingest_by_put(lake: Lake, documented: Documented) -> None:
    bad, exact = b"a,,c\n1,x,0.10000000000000000001\n2\n", "&on_error=quarantine&types=c:double"
    aside = lake.ask("PUT", f"/v1/ingest?name=put1{exact}", bad)
    documented.check(aside, "PUT /v1/ingest", IngestReceipt, RECEIPT)
    foreseen = lake.ask("PUT", "/v1/ingest?name=put2&dry_run=true&types=c:double", bad)
    documented.check(foreseen, "PUT /v1/ingest", IngestDryRun, DRY_RUN)
    staged = lake.ask("PUT", "/v1/ingest?name=put3&on_error=quarantine&stage=true", b"a,\n1,x\n2\n")
    documented.check(staged, "PUT /v1/ingest", StagedIngest, STAGED)


def test_compaction(lake: Lake, documented: Documented) -> None:
    file = BytesIO()
    pq.write_table(pa.table({"a": pa.array([1], pa.uint8())}), file)
    lake.ingest("name=compact1&format=parquet", file.getvalue())
    counts = ("objects_before", "objects_after", "objects_read", "bytes_read", "bytes_written")
    column = {"name": 0, "was": 0, "is": 0}
    dataset = dict.fromkeys(("name", *counts, "rows"), 0)
    dataset |= {"columns": [column], "problems": ANY}
    expected = {"dry_run": 0, "datasets": [dataset], "seq": 0}
    answer = post(lake, "/v1/catalog/compact", name="compact1")
    documented.check(answer, "POST /v1/catalog/compact", CompactReport, expected)


def test_change_sets_and_staged_files(lake: Lake, documented: Documented) -> None:
    aside = b"a,\n1,x\n2\n"
    staged = lake.ingest("name=s1&on_error=quarantine&stage=true", aside)
    documented.check(staged, "POST /v1/ingest", StagedIngest, STAGED)
    rename = post(lake, "/v1/catalog/rename", name=lake.register("s2").json["name"], to="s3")
    renamed = {"name": 0, "to": 0, "dataset_id": 0, "seq": 0}
    documented.check(rename, "POST /v1/catalog/rename", Renamed, renamed)
    commit = {"op": "commit", "staged": staged.json["staged"]}
    result = {"op": 0, "name": 0, "to": 0, "dataset_id": 0, "row_count": 0}
    answer = post(lake, "/v1/catalog/transaction", changes=[commit, {"op": "drop", "name": "s3"}])
    expected = {"seq": 0, "results": [result]}
    documented.check(answer, "POST /v1/catalog/transaction", TransactionReceipt, expected)


def test_changed_rows(lake: Lake, documented: Documented) -> None:
    lake.ingest("name=rows1", b"a\n1\n2\n")
    deleted = post(lake, "/v1/catalog/delete", name="rows1", where="a = 1")
    expected = {"rows_deleted": 0, "objects_rewritten": 0, "seq": 0}
    documented.check(deleted, "POST /v1/catalog/delete", DeleteReceipt, expected)
    updated = post(lake, "/v1/catalog/update", name="rows1", set={"a": "a + 1"}, where="true")
    expected = {"rows_updated": 0, "objects_rewritten": 0, "seq": 0}
    documented.check(updated, "POST /v1/catalog/update", UpdateReceipt, expected)
    lake.put("rows1.csv", b"a\n1\n2\n")
    erased = post(lake, "/v1/catalog/erase", name="rows1", where="a = 3", reason="r", dry_run=False)
    documented.check(erased, "POST /v1/catalog/erase", EraseReport, ERASED)


def test_views(lake: Lake, documented: Documented) -> None:
    lake.ingest("name=v1", b"a\n1\n")
    safe = {"of": 0, "masks": {"a": 0}, "rows": 0, "unmasked": ["a"]}
    expected = {
        "name": 0, "sql": 0, "safe": safe, "comment": 0, "columns": [COLUMN], "reads": [0],
        "created_at": 0, "updated_at": 0, "seq": 0,
    }  # fmt: skip
    plain = expected | {"safe": 0}
    put = lake.ask("PUT", "/v1/catalog/view/v2", {"sql": "SELECT * FROM v1"})
    documented.check(put, "PUT /v1/catalog/view/{name}", View, plain)
    documented.check(
        lake.ask("GET", "/v1/catalog/view/v2"), "GET /v1/catalog/view/{name}", View, plain
    )
    listed = lake.ask("GET", "/v1/catalog/views")
    page = {"views": [plain], "seq": 0}
    documented.check(listed, "GET /v1/catalog/views", ViewList, page)
    dropped = {"name": 0, "seq": 0}
    drop = lake.ask("DELETE", "/v1/catalog/view/v2")
    documented.check(drop, "DELETE /v1/catalog/view/{name}", ViewDropped, dropped)


def test_profiles(lake: Lake, documented: Documented) -> None:
    names = {"x": {"to": "y", "as_of": 1}}
    expected = {
        "name": 0, "names": {"x": {"to": 0, "as_of": 0}}, "others": 0, "created_at": 0,
        "updated_at": 0, "seq": 0,
    }  # fmt: skip
    lake.put("p")
    put = lake.ask("PUT", "/v1/catalog/profile/p", {"names": names, "others": "hidden"})
    documented.check(put, "PUT /v1/catalog/profile/{name}", Profile, expected)
    show = lake.ask("GET", "/v1/catalog/profile/p")
    documented.check(show, "GET /v1/catalog/profile/{name}", Profile, expected)
    listed = lake.ask("GET", "/v1/catalog/profiles")
    page = {"profiles": [expected], "seq": 0}
    documented.check(listed, "GET /v1/catalog/profiles", ProfileList, page)
    drop = lake.ask("DELETE", "/v1/catalog/profile/p")
    dropped = {"name": 0, "seq": 0}
    documented.check(drop, "DELETE /v1/catalog/profile/{name}", ProfileDropped, dropped)


def test_derived_datasets(lake: Lake, documented: Documented) -> None:
    lake.ingest("name=derived_from")
    body = {"name": "derived", "sql": "SELECT 1 AS a FROM derived_from"}
    done = post(lake, "/v1/catalog/derive", **body)
    documented.check(done, "POST /v1/catalog/derive", DeriveReceipt, DERIVED)
    lake.ingest("name=derived_from", b"a\n2\n")
    again = post(lake, "/v1/catalog/refresh", name="derived")
    documented.check(again, "POST /v1/catalog/refresh", DeriveReceipt, DERIVED)
    row = {"name": 0, "outcome": 0, "seq": 0, "row_count": 0, "code": 0, "detail": 0}
    every = post(lake, "/v1/catalog/refresh", all=True)
    results = {"results": [row], "seq": 0}
    documented.check(every, "POST /v1/catalog/refresh", RefreshedAll, results)
    other = {"name": "derived", "sql": "SELECT 1 AS b FROM derived_from", "dry_run": True}
    dry_run = post(lake, "/v1/catalog/derive", **other)
    documented.check(dry_run, "POST /v1/catalog/derive", DeriveDryRun, DERIVE_DRY_RUN)
    staged = post(lake, "/v1/catalog/derive", **body, stage=True)
    members = STAGED | {"source": 0, "renamed": ANY}
    documented.check(staged, "POST /v1/catalog/derive", StagedIngest, members)


def test_why(lake: Lake, documented: Documented) -> None:
    lake.ingest("name=explained&delimiter=,", b"a\n1\n", (*CSV, *CHANGED_BY))
    lineage = {"name": 0, "seq": 0, "uploads": [UPLOAD]}
    found = lake.ask("GET", "/v1/catalog/why/explained?where=a%3D1")
    documented.check(found, "GET /v1/catalog/why/{name}", Lineage, lineage)


def test_sql_and_its_queries(lake: Lake, documented: Documented) -> None:
    result = {"columns": [COLUMN], "rows": [ANY], "row_count": 0}
    documented.check(lake.sql("SELECT 1 AS a"), "POST /v1/sql", SqlResult, result)
    linked = lake.ask("GET", "/v1/sql?q=SELECT+1+AS+a", headers={"Accept": "application/json"})
    documented.check(linked, "GET /v1/sql", SqlResult, result)
    with asking(lake, LONG, "answers-1"):
        running = lake.ask("GET", "/v1/queries")
        documented.check(running, "GET /v1/queries", RunningQueries, {"queries": [QUERY]})
        cancelled = lake.ask("DELETE", "/v1/queries/answers-1")
        names = {"query_id": 0, "cancelled": 0}
        documented.check(cancelled, "DELETE /v1/queries/{id}", CancelledQueries, names)


@pytest.mark.parametrize("view", VIEWS)
def test_system_views(lake: Lake, view: str) -> None:
    columns = lake.sql(f"SELECT * FROM lake.{view} LIMIT 1").json["columns"]
    assert [column["name"] for column in columns] == VIEWS[view].split()


def test_differences_and_pins(lake: Lake, documented: Documented) -> None:
    first = lake.ingest("name=d", b"a,b\n1,2\n").json["seq"]
    lake.ingest("name=d&schema_change=replace", b"a,b\n1,x\n")
    diff = {"from": 0, "to": 0, "datasets": [CHANGE], "views": ANY, "profiles": ANY, "access": ANY}
    found = lake.ask("GET", f"/v1/catalog/diff?from={first}")
    documented.check(found, "GET /v1/catalog/diff", CatalogDiff, diff)
    dropped = lake.drop("d").json["seq"]
    lake.ingest("name=d", b"b,a\nx,1\n")
    moved = lake.ask("GET", f"/v1/catalog/diff?from={dropped - 1}")
    documented.check(moved, "GET /v1/catalog/diff", CatalogDiff, diff | {"datasets": [MOVED]})
    pinned = post(lake, "/v1/catalog/pin", name="d", as_of=first)
    documented.check(pinned, "POST /v1/catalog/pin", PinReceipt, PIN)
    pins = {"pins": [PIN | {"objects": 0, "at": 0, "actor": 0, "reason": 0}]}
    documented.check(lake.ask("GET", "/v1/catalog/pins"), "GET /v1/catalog/pins", Pins, pins)
    unpinned = post(lake, "/v1/catalog/unpin", name="d", as_of_seq=first)
    documented.check(unpinned, "POST /v1/catalog/unpin", PinReceipt, PIN)


def test_undo_and_its_dry_run(lake: Lake, documented: Documented) -> None:
    lake.ingest("name=u", b"a\n1\n")
    dropped = lake.drop("u").json["seq"]
    foreseen = post(lake, "/v1/journal/undo", seq=dropped)
    told = documented.check(foreseen, "POST /v1/journal/undo", Undone, UNDONE)
    assert (told["dry_run"], told["undone_type"]) == (True, "dataset_dropped")
    members(told["datasets"], [CHANGE | {"schema": ANY}])
    undone = post(lake, "/v1/journal/undo", seq=dropped, dry_run=False)
    told = documented.check(undone, "POST /v1/journal/undo", Undone, UNDONE)
    assert (told["dry_run"], told["type"]) == (False, "dataset_restored")


def test_garbage_collection_and_its_dry_run(lake: Lake, documented: Documented) -> None:
    lake.put("g/a")
    lake.delete("g/a")
    foreign = lake.bucket / "objects/00/not-ours"
    foreign.parent.mkdir(parents=True, exist_ok=True)
    foreign.write_bytes(b"x")
    foreseen = post(lake, "/v1/gc", older_than="0s")
    told = documented.check(foreseen, "POST /v1/gc", GcReport, GC)
    assert (told["dry_run"], told["foreign_count"]) == (True, 1)
    done = post(lake, "/v1/gc", older_than="0s", dry_run=False)
    told = documented.check(done, "POST /v1/gc", GcReport, COLLECTED)
    assert told["deleted"] == told["marked"] > 0


def test_the_journal(lake: Lake, documented: Documented) -> None:
    lake.ingest("name=e", b"a\n1\n")
    head = {"seq": 0, "slot": 0, "sha256": 0, "at": 0}
    documented.check(lake.ask("GET", "/v1/journal/head"), "GET /v1/journal/head", JournalHead, head)
    page = lake.ask("GET", "/v1/journal/events?dataset=e")
    events = {"events": [EVENT], "next": 0}
    documented.check(page, "GET /v1/journal/events", EventPage, events)
    page = lake.ask("GET", "/v1/journal/events?dataset=e&format=ocsf")
    events = {"events": [ANY], "next": 0}
    documented.check(page, "GET /v1/journal/events", OcsfPage, events)


def test_the_audit(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket", queries=False, audit="all") as lake:
        lake.put("a", b"x")
        lake.get("a")
        lake.run(lake.service.audit.log.close(10))
        documented = Documented(lake)
        page = lake.ask("GET", "/v1/audit/entries")
        entries = {"entries": [AUDIT_ENTRY], "next": 0}
        documented.check(page, "GET /v1/audit/entries", AuditPage, entries)
        page = lake.ask("GET", "/v1/audit/entries?format=ocsf")
        documented.check(page, "GET /v1/audit/entries", OcsfPage, {"events": [ANY], "next": 0})


def test_the_stream_and_its_end(own_lake: Lake) -> None:
    documented = Documented(own_lake)
    own_lake.ask("POST", "/v1/ingest?name=w", b"a\n1\n", (*CSV, *CHANGED_BY))
    with listening(own_lake) as lines:
        event = next(line for line in lines if line.startswith(b"data: "))[6:]
        own_lake.service.feed.close()
        end = next(line for line in lines if line.startswith(b"data: "))[6:]
    for body, struct, expected in (
        (event, StreamedEvent, CLOUD_EVENT), (end, StreamEnd, {"code": 0, "after": 0}),
    ):  # fmt: skip
        found = msgspec.json.decode(body)
        documented.conforms({"$ref": f"#/components/schemas/{struct.__name__}"}, found)
        members(found, expected)
        decoded(body, struct)


def test_the_process_about_itself(lake: Lake, documented: Documented) -> None:
    health = {"status": 0, "service": 0}
    documented.check(lake.ask("GET", "/health"), "GET /health", Health, health)
    documented.check(lake.ask("GET", "/ready"), "GET /ready", Ready, {"status": 0, "seq": 0})


def test_refusals(lake: Lake, documented: Documented) -> None:
    absent, other = lake.manifest("nothing"), lake.ask("PATCH", "/health")
    for answer, expected in ((absent, PROBLEM), (other, PROBLEM | {"errors": [ANY]})):
        documented.conforms({"$ref": "#/components/schemas/Problem"}, answer.json)
        members(answer.json, expected)
        decoded(answer.body, Problem)


def test_access(own_lake: Lake) -> None:
    own_lake.token = closed(own_lake)
    documented = Documented(own_lake)
    body = {"kind": "service", "profile": "p", "limits": {"queries": 1}}
    put = own_lake.ask("PUT", "/v1/access/principals/bo", body)
    documented.check(put, "PUT /v1/access/principals/{name}", Principal, PRINCIPAL)
    show = own_lake.ask("GET", "/v1/access/principals/bo")
    documented.check(show, "GET /v1/access/principals/{name}", Principal, PRINCIPAL)
    listed = own_lake.ask("GET", "/v1/access/principals")
    page = {"principals": [PRINCIPAL], "seq": 0}
    documented.check(listed, "GET /v1/access/principals", PrincipalList, page)
    wanted = {"principal": "bo", "on": "sales_*", "can": ["read"]}
    granted = own_lake.ask("PUT", "/v1/access/grants", wanted)
    documented.check(granted, "PUT /v1/access/grants", Grant, GRANT)
    grants = own_lake.ask("GET", "/v1/access/grants")
    documented.check(grants, "GET /v1/access/grants", GrantList, {"grants": [GRANT], "seq": 0})
    asked = {"principal": "bo", "expires_in": "30d", "note": "n"}
    issued = own_lake.ask("POST", "/v1/access/tokens", asked)
    shape = {"principal": 0, "id": 0, "token": 0, "expires_at": 0, "seq": 0}
    issued_json = documented.check(issued, "POST /v1/access/tokens", IssuedToken, shape)
    bearer = {"Authorization": f"Bearer {issued_json['token']}"}
    me = own_lake.ask("GET", "/v1/access/me", headers=bearer)
    documented.check(me, "GET /v1/access/me", Me, ME)
    tokens = own_lake.ask("GET", "/v1/access/tokens")
    documented.check(tokens, "GET /v1/access/tokens", TokenList, {"tokens": [TOKEN], "seq": 0})
    revoked = own_lake.ask("DELETE", f"/v1/access/tokens/{issued_json['id']}")
    ended = {"id": 0, "principal": 0, "seq": 0}
    documented.check(revoked, "DELETE /v1/access/tokens/{id}", TokenRevoked, ended)
    removed = own_lake.ask("DELETE", "/v1/access/grants?principal=bo&on=sales_*")
    gone = {"principal": 0, "on": 0, "seq": 0}
    documented.check(removed, "DELETE /v1/access/grants", GrantDropped, gone)
    dropped = own_lake.ask("DELETE", "/v1/access/principals/bo")
    documented.check(
        dropped, "DELETE /v1/access/principals/{name}", PrincipalDropped, {"name": 0, "seq": 0}
    )


def test_answers_to_agents(lake: Lake, documented: Documented) -> None:
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    answer = lake.ask("POST", "/mcp", ping)
    documented.check(answer, "POST /mcp", McpAnswer, {"jsonrpc": 0, "id": 0, "result": {}})


def test_every_answer_of_the_table_is_checked_above() -> None:
    """Read from this file, so that the order of the tests does not matter."""
    called = re.findall(r'"((?:GET|PUT|POST|DELETE) /[^"]*)", (\w+)', Path(__file__).read_text())
    documented = {
        (f"{route.method} {route.path}", each.__name__)
        for route in ROUTES
        for each in route.answers
        if isinstance(each, type)
    }
    assert set(called) == documented


@contextmanager
def listening(lake: Lake) -> Iterator[Iterator[bytes]]:
    """The lines of the stream of events."""
    from http.client import HTTPConnection

    connection = HTTPConnection("127.0.0.1", lake.port, timeout=30)
    connection.request("GET", "/v1/journal/stream")
    response = connection.getresponse()
    try:
        yield iter(response.readline, b"")
    finally:
        connection.close()
