"""Documented answers about the past, upkeep, access and the process, by real requests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from answer_members import (
    ANY,
    AUDIT_ENTRY,
    CHANGE,
    CLOUD_EVENT,
    COLLECTED,
    COPIED,
    EVENT,
    GC,
    GRANT,
    ME,
    MOVED,
    PIN,
    PRINCIPAL,
    PROBLEM,
    SOURCE,
    SOURCE_STATUS,
    STORE,
    TOKEN,
    UNDONE,
    members,
)
from documented_answers import CHANGED_BY, CSV, Documented, decoded, post
from lake_server import Lake, running_lake
from principals import closed

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
from lakehouse.api.gc import GcReport
from lakehouse.api.history.journal import EventPage, JournalHead, StreamedEvent, StreamEnd
from lakehouse.api.history.time_travel import CatalogDiff, PinReceipt, Pins, Undone
from lakehouse.api.problem import Problem
from lakehouse.api.sources import Source, SourceDropped, SourceList, SourceRun
from lakehouse.api.status import Health, Ready
from lakehouse.api.stores import (
    CopyReport,
    Store,
    StoreDropped,
    StoreExamination,
    StoreList,
)
from lakehouse.mcp.documents import McpAnswer


def test_differences_and_pins(lake: Lake, documented: Documented) -> None:
    first = lake.ingest("name=d", b"a,b\n1,2\n").json["seq"]
    lake.ingest("name=d&schema_change=replace", b"a,b\n1,x\n")
    diff = {"from": 0, "to": 0, "datasets": [CHANGE], "views": ANY, "profiles": ANY, "access": ANY}
    diff["sources"] = ANY
    found = lake.ask("GET", f"/v1/catalog/diff?from={first}")
    documented.check(found, "GET /v1/catalog/diff", CatalogDiff, diff)
    dropped = lake.drop("d").json["seq"]
    lake.ingest("name=d", b"b,a\nx,1\n")
    moved = lake.ask("GET", f"/v1/catalog/diff?from={dropped - 1}")
    documented.check(moved, "GET /v1/catalog/diff", CatalogDiff, diff | {"datasets": [MOVED]})
    pinned = post(lake, "/v1/catalog/pin", name="d", as_of=first)
    documented.check(pinned, "POST /v1/catalog/pin", PinReceipt, PIN)
    pins = {"pins": [PIN | {"objects": 0, "at": 0, "actor": 0, "reason": 0}], "next": 0}
    documented.check(lake.ask("GET", "/v1/catalog/pins"), "GET /v1/catalog/pins", Pins, pins)
    unpinned = post(lake, "/v1/catalog/unpin", name="d", as_of_seq=first)
    documented.check(unpinned, "POST /v1/catalog/unpin", PinReceipt, PIN)


def test_undo_and_its_dry_run(lake: Lake, documented: Documented) -> None:
    lake.ingest("name=u", b"a\n1\n")
    dropped = lake.drop("u").json["seq"]
    foreseen = post(lake, "/v1/journal/undo", seq=dropped)
    reported = documented.check(foreseen, "POST /v1/journal/undo", Undone, UNDONE)
    assert (reported["dry_run"], reported["undone_type"]) == (True, "dataset_dropped")
    members(reported["datasets"], [CHANGE | {"schema": ANY}])
    undone = post(lake, "/v1/journal/undo", seq=dropped, dry_run=False)
    reported = documented.check(undone, "POST /v1/journal/undo", Undone, UNDONE)
    assert (reported["dry_run"], reported["type"]) == (False, "dataset_restored")


def test_garbage_collection_and_its_dry_run(lake: Lake, documented: Documented) -> None:
    lake.put("g/a")
    lake.delete("g/a")
    foreign = lake.bucket / "objects/00/not-ours"
    foreign.parent.mkdir(parents=True, exist_ok=True)
    foreign.write_bytes(b"x")
    foreseen = post(lake, "/v1/gc", older_than="0s")
    reported = documented.check(foreseen, "POST /v1/gc", GcReport, GC)
    assert (reported["dry_run"], reported["foreign_count"]) == (True, 1)
    done = post(lake, "/v1/gc", older_than="0s", dry_run=False)
    reported = documented.check(done, "POST /v1/gc", GcReport, COLLECTED)
    assert reported["deleted"] == reported["marked"] > 0


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
    assert (
        own_lake.ask("PUT", "/v1/catalog/profile/p", {"names": {}, "others": "visible"}).status
        == 200
    )
    body = {"kind": "service", "profile": "p", "limits": {"queries": 1}}
    put = own_lake.ask("PUT", "/v1/access/principals/bo", body)
    documented.check(put, "PUT /v1/access/principals/{name}", Principal, PRINCIPAL)
    show = own_lake.ask("GET", "/v1/access/principals/bo")
    documented.check(show, "GET /v1/access/principals/{name}", Principal, PRINCIPAL)
    listed = own_lake.ask("GET", "/v1/access/principals")
    page = {"principals": [PRINCIPAL], "seq": 0, "next": 0}
    documented.check(listed, "GET /v1/access/principals", PrincipalList, page)
    wanted = {"principal": "bo", "on": "sales_*", "can": ["read"]}
    granted = own_lake.ask("PUT", "/v1/access/grants", wanted)
    documented.check(granted, "PUT /v1/access/grants", Grant, GRANT)
    grants = own_lake.ask("GET", "/v1/access/grants")
    page = {"grants": [GRANT], "seq": 0, "next": 0}
    documented.check(grants, "GET /v1/access/grants", GrantList, page)
    asked = {"principal": "bo", "expires_in": "30d", "note": "n"}
    issued = own_lake.ask("POST", "/v1/access/tokens", asked)
    shape = {"principal": 0, "id": 0, "token": 0, "expires_at": 0, "seq": 0}
    issued_json = documented.check(issued, "POST /v1/access/tokens", IssuedToken, shape)
    bearer = {"Authorization": f"Bearer {issued_json['token']}"}
    me = own_lake.ask("GET", "/v1/access/me", headers=bearer)
    documented.check(me, "GET /v1/access/me", Me, ME)
    tokens = own_lake.ask("GET", "/v1/access/tokens")
    page = {"tokens": [TOKEN], "seq": 0, "next": 0}
    documented.check(tokens, "GET /v1/access/tokens", TokenList, page)
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


def test_stores(own_lake: Lake, tmp_path: Path) -> None:
    documented = Documented(own_lake)
    own_lake.put("a", b"one")
    put = own_lake.ask("PUT", "/v1/stores/cold", {"url": (tmp_path / "cold").as_uri()})
    documented.check(put, "PUT /v1/stores/{id}", Store, STORE)
    show = own_lake.ask("GET", "/v1/stores/cold")
    documented.check(show, "GET /v1/stores/{id}", Store, STORE)
    page = {"stores": [STORE, STORE], "seq": 0, "next": 0}
    documented.check(own_lake.ask("GET", "/v1/stores"), "GET /v1/stores", StoreList, page)
    found = own_lake.ask("POST", "/v1/stores/doctor/cold")
    shape = {"id": 0, "fit": 0, "promises": ANY, "left": ANY, "seq": 0}
    documented.check(found, "POST /v1/stores/doctor/{id}", StoreExamination, shape)
    there, back = {"from": "main", "to": "cold"}, {"from": "cold", "to": "main"}
    copied = own_lake.ask("POST", "/v1/stores/copy", there | {"on": "*"})
    documented.check(copied, "POST /v1/stores/copy", CopyReport, COPIED)
    moved = own_lake.ask("POST", "/v1/stores/move", back | {"on": "storage:*"})
    documented.check(moved, "POST /v1/stores/move", CopyReport, COPIED)
    assert own_lake.ask("POST", "/v1/gc", {"dry_run": False}).json["copies_deleted"] == 1
    dropped = own_lake.ask("DELETE", "/v1/stores/cold")
    gone = {"id": 0, "seq": 0}
    documented.check(dropped, "DELETE /v1/stores/{id}", StoreDropped, gone)


def test_sources(own_lake: Lake, tmp_path: Path) -> None:
    documented = Documented(own_lake)
    uri = tmp_path / "in"
    uri.mkdir()
    (uri / "a.csv").write_text("a\n1\n")
    put = own_lake.ask("PUT", "/v1/sources/raw", {"uri": str(uri), "dataset": "raw"})
    documented.check(put, "PUT /v1/sources/{name}", Source, SOURCE)
    show = own_lake.ask("GET", "/v1/sources/raw")
    documented.check(show, "GET /v1/sources/{name}", Source, SOURCE)
    page = {"sources": [SOURCE], "seq": 0, "next": 0}
    documented.check(own_lake.ask("GET", "/v1/sources"), "GET /v1/sources", SourceList, page)
    ran = own_lake.ask("POST", "/v1/sources/raw/run", {"wait": 0})
    found = {"name": 0, "received": ANY, "received_count": 0, "status": SOURCE_STATUS, "seq": 0}
    documented.check(ran, "POST /v1/sources/{name}/run", SourceRun, found)
    dropped = own_lake.ask("DELETE", "/v1/sources/raw")
    gone = {"name": 0, "seq": 0}
    documented.check(dropped, "DELETE /v1/sources/{name}", SourceDropped, gone)


def test_answers_to_agents(lake: Lake, documented: Documented) -> None:
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    answer = lake.ask("POST", "/mcp", ping)
    documented.check(answer, "POST /mcp", McpAnswer, {"jsonrpc": 0, "id": 0, "result": {}})


@contextmanager
def listening(lake: Lake) -> Iterator[Iterator[bytes]]:
    """The lines of the stream of events."""
    from http.client import HTTPConnection

    connection = HTTPConnection("127.0.0.1", lake.port, timeout=60)
    connection.request("GET", "/v1/journal/stream")
    response = connection.getresponse()
    try:
        yield iter(response.readline, b"")
    finally:
        connection.close()
