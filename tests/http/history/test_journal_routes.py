"""The journal over HTTP, and the routes that say how the process is."""

import hashlib
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from lake_server import Lake, running_lake
from refusals import refused

from lakehouse.service.history import journal


def test_the_head_of_an_empty_journal(own_lake: Lake) -> None:
    answer = own_lake.ask("GET", "/v1/journal/head")
    assert answer.json == {"seq": 0, "slot": 0, "sha256": None, "at": None}
    assert own_lake.ask("GET", "/v1/journal/events").json == {"events": [], "next": None}
    assert own_lake.ask("GET", "/v1/catalog/list").json == {"datasets": [], "seq": 0, "next": None}
    assert own_lake.ask("GET", "/v1/storage/list").json == {"objects": [], "next": None}
    refused(own_lake.get("a"), 404, "object_not_found")
    refused(own_lake.drop("a"), 404, "dataset_not_found")
    assert own_lake.delete("a").seq == 0


def test_the_head_names_the_last_slot_and_its_bytes(own_lake: Lake) -> None:
    own_lake.put("a")
    own_lake.put("b")
    head = own_lake.ask("GET", "/v1/journal/head").json
    slot = own_lake.bucket / f"_journal/slots/{head['slot']:020d}.ndjson"
    assert head["seq"] == 2
    assert head["sha256"] == hashlib.sha256(slot.read_bytes()).hexdigest()
    at = datetime.fromisoformat(head["at"])
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)


def test_events_come_oldest_first_in_pages_and_filtered(own_lake: Lake) -> None:
    own_lake.put("k", headers={"X-Actor": "ann", "X-Change-Reason": "why", "X-Request-Id": "req-1"})
    own_lake.register("One", "k")
    own_lake.register("two")
    own_lake.drop("one")
    own_lake.delete("k")

    def events(query: str = "") -> tuple[list[int], object]:
        body = own_lake.ask("GET", f"/v1/journal/events{query}").json
        assert body.keys() == {"events", "next"}
        return [event["seq"] for event in body["events"]], body["next"]

    assert events() == ([1, 2, 3, 4, 5], None)
    assert events("?after=3") == ([4, 5], None)
    assert events("?after=5") == ([], None)
    assert events("?after=9007199254740991") == ([], None)
    page, following = events("?limit=2")
    assert page == [1, 2]
    assert events(f"?limit=3&after={following}") == ([3, 4, 5], None)
    assert events("?type=dataset_registered")[0] == [2, 3]
    assert events("?dataset=ONE")[0] == [2, 4]
    assert events("?dataset=one&type=dataset_dropped")[0] == [4]
    assert events("?type=nonsense")[0] == []
    assert events("?dataset=nobody")[0] == []

    [first] = own_lake.ask("GET", "/v1/journal/events?limit=1").json["events"]
    assert first["type"] == "object_stored"
    assert (first["actor"], first["reason"], first["correlation"]) == ("ann", "why", "req-1")
    assert first["data"]["key"] == "k"


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "limit=0", "limit=10001", "after=9007199254740992", "after="]
)
def test_odd_parameters_are_refused(lake: Lake, query: str) -> None:
    refused(lake.ask("GET", f"/v1/journal/events?{query}"), 400, "invalid_request")


def test_a_page_of_events_is_bounded_in_bytes(
    own_lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "PAGE_BYTES", 1000)
    for name in ("a", "b", "c", "d"):
        own_lake.put(name, headers={"X-Change-Reason": "w" * 500})
    own_lake.put("e", headers={"X-Change-Reason": "w" * 900})
    found, after, pages = [], 0, 0
    while after is not None:
        answer = own_lake.ask("GET", f"/v1/journal/events?after={after}")
        assert len(answer.body) < 1100 or len(answer.json["events"]) == 1
        found += [event["seq"] for event in answer.json["events"]]
        after, pages = answer.json["next"], pages + 1
    assert found == [1, 2, 3, 4, 5] and pages >= 4


def test_health_touches_nothing_and_ready_looks(own_lake: Lake) -> None:
    assert own_lake.ask("GET", "/health").json == {"status": "ok", "service": "lakehouse"}
    assert own_lake.ask("GET", "/ready").status == 200
    slots = own_lake.bucket / "_journal/slots"
    own_lake.put("a")
    (slots / f"{2:020d}.ndjson").write_bytes(b"not a slot\n")
    answer = refused(own_lake.ask("GET", "/ready"), 503, "journal_corrupt")
    assert str(own_lake.bucket) not in answer.body.decode()
    assert own_lake.ask("GET", "/health").status == 200
    assert own_lake.get("a").status == 200, "reads of the last good state go on"
    refused(own_lake.put("b"), 503, "journal_corrupt")


def test_a_bucket_that_was_taken_away_is_not_ready(own_lake: Lake) -> None:
    own_lake.put("a")
    own_lake.bucket.rename(own_lake.bucket.with_name("elsewhere"))
    shutil.rmtree(own_lake.bucket.with_name("elsewhere"))
    refused(own_lake.put("b", b"other"), 503, "bucket_refused")
    refused(own_lake.put("b", b"y" * 200_000), 503, "bucket_unavailable")
    answer = refused(own_lake.ask("GET", "/ready"), 503, "journal_corrupt")
    assert "is absent now" in answer.json["detail"]


def test_a_node_sees_what_another_wrote(own_lake: Lake) -> None:
    with running_lake(own_lake.bucket, queries=False) as other:
        seq = other.put("from/other", b"hello").seq
        assert own_lake.get("from/other", {"X-Min-Seq": str(seq)}).body == b"hello"
        refused(own_lake.put("from/other", b"x", {"If-None-Match": "*"}), 412, "key_exists")
        mine = own_lake.put("from/me").seq
        assert other.ask("GET", "/v1/journal/head", headers={"X-Min-Seq": str(mine)}).seq == mine
