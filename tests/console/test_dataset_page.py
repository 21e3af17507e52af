"""The page of a dataset: what it shows is right, previews change nothing, and forms do what they say."""

import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import zstandard
from console_client import Browsing, proof_in
from lake_server import Lake, running_lake
from principals import closed, principal, token


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("own") / "bucket") as lake:
        yield lake


def text_of(body: bytes) -> str:
    """What a reader sees of the part of a page that is its own."""
    main = body.decode().partition('<main id="main"')[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def test_the_profile_counts_nulls_values_and_ranges(lake: Lake) -> None:
    rows = "1,a,true\n2,a,\n,b,false\n4,a,true\n"
    lake.ingest("name=profiled", f"n,t,b\n{rows}")
    shown = text_of(lake.ask("GET", "/console/dataset/profiled?profile=true").body)
    assert "n int64 1 25.0 % 3 1 to 4" in shown
    assert re.search(r"t string 0 2 a to b a 3 b 1", shown), shown
    assert re.search(r"b bool 1 25.0 % 2 false to true true 2 false 1", shown), shown


def test_a_profile_knows_huge_numbers_and_nested_values(lake: Lake) -> None:
    lines = [
        '{"x": 1.5, "l": [1], "s": {"a": 1}}',
        '{"x": 1e300, "l": [], "s": null}',
    ]
    answer = lake.ingest(
        "name=special&format=ndjson", "\n".join(lines), [("Content-Type", "application/x-ndjson")]
    )
    assert answer.status == 200, answer
    page = lake.ask("GET", "/console/dataset/special?profile=true")
    assert page.status == 200
    assert page.body.count(b'class="histogram"') == 1
    assert b"1.5</span>" in page.body and b"1e+300</span>" in page.body


def test_rows_are_shown_in_parts_and_by_a_condition(lake: Lake) -> None:
    first = lake.ask("GET", "/console/dataset/sales?tab=rows")
    assert first.body.count(b'class="why"') == 50
    assert "day date" in text_of(first.body), "the words of the schema, not DuckDB's"
    assert "1–50 of 201" in text_of(first.body)
    last = lake.ask("GET", "/console/dataset/sales?tab=rows&skip=200")
    assert last.body.count(b'class="why"') == 1
    some = lake.ask("GET", "/console/dataset/sales?tab=rows&where=id+>+197+--+sold")
    assert some.body.count(b'class="why"') == 3
    then = lake.ask("GET", "/console/dataset/sales?tab=rows&where=id+=+900&as_of=1")
    assert "No row matches the condition" in text_of(then.body)


@pytest.mark.parametrize("where", ["nothing = 1", "id = ", "1) UNION (SELECT 1"])
def test_a_wrong_condition_is_shown_beside_its_field(lake: Lake, where: str) -> None:
    page = lake.ask("GET", f"/console/dataset/sales?tab=rows&where={quote(where)}")
    assert page.status == 200
    assert b'role="alert"' in page.body


def test_a_row_leads_to_where_it_comes_from(lake: Lake) -> None:
    rows = lake.ask("GET", "/console/dataset/sales?tab=rows&where=id+=+900")
    link = re.search(r'class="why" href="([^"]+)"', rows.body.decode())
    assert link
    shown = text_of(lake.ask("GET", link[1].replace("&amp;", "&")).body)
    assert "The rows that match the condition come from 1 upload" in shown
    assert "Dataset appended local · 1 row in 1 object" in shown


def test_the_difference_shows_rows_that_came_and_went(own: Lake) -> None:
    own.ingest("name=t", "a,b\n1,x\n2,y\n")
    own.ingest("name=t", "a,b\n1,x\n3,z\n")
    shown = text_of(own.ask("GET", "/console/dataset/t?tab=difference").body)
    came, _, went = shown.partition("Removed rows")
    assert "3 z" in came and "2 y" not in came
    assert "2 y" in went and "3 z" not in went
    assert "the first 10" not in shown


def test_the_difference_says_when_it_does_not_show_all_rows(own: Lake) -> None:
    own.ingest("name=t", "a\n1\n")
    own.ingest("name=t&mode=append", "a\n" + "".join(f"{each}\n" for each in range(2, 13)))
    shown = text_of(own.ask("GET", "/console/dataset/t?tab=difference").body)
    assert "Added rows the first 10" in shown
    assert "Removed rows No rows." in shown


def test_an_undo_is_previewed_and_then_made_with_its_reason(own: Lake) -> None:
    own.ingest("name=t", "a\n1\n")
    own.ingest("name=t&mode=append", "a\n2\n")
    browsing = Browsing(own.port)
    page = browsing.get("/console/undo?seq=2")
    assert "Undo event 2 Dataset appended · local ·" in text_of(page.body)
    assert "2 → 1" in text_of(page.body)
    assert own.head() == 2
    key = re.search(rb'name="idempotency_key" value="([0-9a-f]+)"', page.body)
    assert key
    fields = {"seq": "2", "reason": "too early", "idempotency_key": key[1].decode()}
    for _ in range(2):  # sent twice, it is made once
        answer = browsing.post("/console/undo", fields, proof_in(page))
        assert answer.headers["Location"] == "/console/dataset/t?tab=history&done=3"
    event = own.ask("GET", "/v1/journal/events?after=2").json["events"]
    assert [each["reason"] for each in event] == ["too early"]


def test_what_cannot_be_undone_says_why_and_offers_nothing(own: Lake) -> None:
    own.ingest("name=t", "a\n1\n")
    own.ingest("name=t", "a\n2\n")
    page = own.ask("GET", "/console/undo?seq=1")
    assert page.status == 200
    assert "is not possible" in text_of(page.body)
    assert b'action="/console/undo"' not in page.body


def test_a_dropped_dataset_is_restored_from_its_history(own: Lake) -> None:
    own.ingest("name=t", "a\n1\n")
    own.drop("t")
    browsing = Browsing(own.port)
    history = browsing.get("/console/dataset/t?tab=history")
    assert "does not exist now" in text_of(history.body)
    assert b"/console/restore?name=t&amp;to=1" in history.body
    page = browsing.get("/console/restore?name=t&to=1")
    answer = browsing.post("/console/restore", {"name": "t", "to": "1"}, proof_in(page))
    assert answer.status == 303
    assert own.manifest("t").status == 200


def test_what_is_there_now_is_not_offered_for_a_restore(own: Lake) -> None:
    own.ingest("name=t", "a\n1\n")
    own.ingest("name=t&mode=append", "a\n2\n")
    history = Browsing(own.port).get("/console/dataset/t?tab=history")
    assert b"/console/restore?name=t&amp;to=1" in history.body
    assert b"/console/restore?name=t&amp;to=2" not in history.body


def test_a_quarantine_is_mended_in_the_browser(own: Lake) -> None:
    own.ingest("name=t&on_error=quarantine&types=a%3Aint64", "a,b\n1,x\ntwo,y\n3,z\n")
    browsing = Browsing(own.port)
    page = browsing.get("/console/dataset/t?tab=quarantine")
    assert "two,y" in text_of(page.body)
    keys = re.search(rb'name="keys" value="([^"]+)"', page.body)
    assert keys
    fields = {"keys": keys[1].decode(), "content": "a,b\r\nzwei,y\r\n", "check": "true"}
    checked = browsing.post("/console/dataset/t?tab=quarantine", fields, proof_in(page))
    assert checked.status == 200 and b"zwei" in checked.body
    assert "line 2" in text_of(checked.body)
    fields["content"] = "a,b\r\n2,y\r\n"
    checked = browsing.post("/console/dataset/t?tab=quarantine", fields, proof_in(page))
    assert "1 row fits. Nothing has changed yet." in text_of(checked.body)
    assert own.head() == 1
    del fields["check"]
    loaded = browsing.post("/console/dataset/t?tab=quarantine", fields, proof_in(page))
    assert loaded.status == 303, loaded
    assert own.sql("SELECT a, b FROM t ORDER BY a").json["rows"] == [[1, "x"], [2, "y"], [3, "z"]]
    assert "No rows are in quarantine" in text_of(
        browsing.get("/console/dataset/t?tab=quarantine").body
    )


def test_a_reader_is_offered_no_change_and_refused_one(own: Lake) -> None:
    own.ingest("name=t", "a\n1\n")
    own.ingest("name=t&mode=append", "a\n2\n")
    own.token = closed(own)
    principal(own, "reader", {"t": ["read"]})
    browsing = Browsing(own.port)
    browsing.sign_in(token(own, "reader"))
    page = browsing.get("/console/dataset/t?tab=history")
    assert b"What changed" in page.body
    assert b"Undo" not in page.body and b"Restore" not in page.body
    refused = browsing.post("/console/undo", {"seq": "2"}, proof_in(page))
    assert refused.status == 403
    refused = browsing.post("/console/restore", {"name": "t", "to": "1"}, proof_in(page))
    assert refused.status == 403


def test_a_page_s_queries_are_in_the_audit(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("audited") / "bucket"
    with running_lake(place, audit="all") as lake:
        lake.ingest("name=t", "a\n1\n")
        lake.ask("GET", "/console/dataset/t?tab=rows")
    found = [
        json.loads(line)
        for path in sorted(place.rglob("*.ndjson.zst"))
        for line in zstandard.ZstdDecompressor()
        .stream_reader(path.read_bytes())
        .read()
        .splitlines()
    ]
    pages = [each for each in found if each.get("route") == "GET /console/dataset/{name}"]
    assert pages and {each["name"] for each in pages[0]["reads"]} == {"t"}
    assert all(each["seq"] is not None for each in pages[0]["reads"])
