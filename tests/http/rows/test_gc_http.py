"""Collection from outside: reported first, then marked, deleted and recorded; 410 names the event."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lake_server import Lake, running_lake
from raw_http import Answer
from refusals import nothing_changes, refused

DAY_S = 86_400


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """A lake of its own for each test: collection looks at all of it."""
    with running_lake(tmp_path / "bucket") as lake:
        yield lake


def gc(lake: Lake, **asked: Any) -> Answer:
    return lake.ask("POST", "/v1/gc", asked)


def blobs(lake: Lake) -> set[str]:
    """What lies in the bucket, seen with other eyes."""
    found = (path for top in ("objects", "datasets") for path in (lake.bucket / top).rglob("*"))
    return {path.relative_to(lake.bucket).as_posix() for path in found if path.is_file()}


def plant(lake: Lake, key: str, age_s: float) -> str:
    """An object that no event speaks of, as old as that by the store's clock."""
    path = lake.bucket / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"orphan")
    os.utime(path, (time.time() - age_s,) * 2)
    return key


def orphan(lake: Lake, age_s: float, mint_seq: int = 0, lake_id: str | None = None) -> str:
    mine = lake_id or lake.service.node.follower.journal.lake.lake[:8]
    return plant(lake, f"objects/{'0' * 64}-{mine}-{mint_seq}-x{int(age_s)}", age_s)


def test_nothing_is_removed_unless_it_is_asked_for(lake: Lake) -> None:
    lake.put("a", b"one")
    lake.put("a", b"two")
    with nothing_changes(lake):
        for answer in (
            gc(lake),
            gc(lake, older_than="0s"),
            gc(lake, older_than=0, unknown_member=1),
            lake.ask("POST", "/v1/gc"),
            gc(lake, dry_run=False),
            gc(lake, dry_run=False, older_than="1h"),
        ):
            assert answer.status == 200, answer
    reported = gc(lake, older_than="0s").json
    assert (reported["object_count"], reported["size_bytes"], reported["dry_run"]) == (1, 3, True)
    (named,) = reported["objects"]
    assert (named["key"], named["size_bytes"], named["verdict"]) == ("a", 3, "unreferenced")
    assert "event 2" in named["why"]
    assert (lake.bucket / named["object"]).read_bytes() == b"one"
    assert gc(lake).json["object_count"] == 0


def test_superseded_versions_go_and_live_ones_stay(lake: Lake) -> None:
    lake.put("a", b"one")
    lake.put("a", b"two")
    lake.put("held", b"h")
    lake.register("t", "held")
    lake.delete("held")
    lake.put("held", b"newer")
    first = lake.ingest("name=t2", b"a\n1\n").json
    lake.ingest("name=t2", b"a\n2\n")
    before = blobs(lake)
    done = gc(lake, dry_run=False, older_than="0s")
    assert (done.json["marked"], done.json["deleted"], done.json["left"]) == (2, 2, 0)
    assert done.seq == lake.head()
    assert len(before - blobs(lake)) == 2
    assert lake.get("a").body == b"two"
    assert lake.sql("SELECT a FROM t2").json["rows"] == [[2]]
    assert lake.manifest("t").json["objects"][0]["sha256"]
    gone = refused(lake.get("a?as_of=1"), 410, "objects_collected")
    assert f"event {done.seq}" in gone.json["detail"]
    body = {"name": "t2", "as_of": first["seq"]}
    gone = refused(lake.ask("POST", "/v1/catalog/restore", body), 410, "objects_collected")
    assert f"event {done.seq}" in gone.json["detail"]
    gone = refused(lake.sql("SELECT * FROM t2", as_of=first["seq"]), 410, "objects_collected")
    events = lake.ask("GET", "/v1/journal/events").json["events"]
    assert [each["type"] for each in events[-2:]] == ["objects_marked", "objects_collected"]
    with nothing_changes(lake):
        again = gc(lake, dry_run=False, older_than="0s").json
    assert (again["marked"], again["deleted"], again["object_count"]) == (0, 0, 0)


def test_what_was_never_registered_goes_after_a_day(lake: Lake) -> None:
    lake.put("a", b"x")
    old, young = orphan(lake, 1.1 * DAY_S), orphan(lake, 0.9 * DAY_S)
    (named,) = gc(lake, older_than="7d").json["objects"]
    assert (named["object"], named["key"], named["verdict"]) == (old, None, "never_registered")
    assert named["size_bytes"] == len(b"orphan")
    assert gc(lake, dry_run=False).json["deleted"] == 1
    assert old not in blobs(lake)
    assert young in blobs(lake)


def test_what_is_foreign_is_told_and_never_touched(lake: Lake) -> None:
    lake.put("a", b"x")
    foreign = {
        orphan(lake, 9 * DAY_S, lake_id="ffffffff"),
        orphan(lake, 9 * DAY_S, mint_seq=10**9),
        plant(lake, "objects/readme.txt", 9 * DAY_S),
        plant(lake, "datasets/t/part-0.parquet", 9 * DAY_S),
    }
    reported = gc(lake, dry_run=False, older_than="0s").json
    assert {each["object"] for each in reported["foreign"]} == foreign
    assert (reported["foreign_count"], reported["marked"], reported["deleted"]) == (4, 0, 0)
    assert foreign < blobs(lake)


def test_a_collected_object_that_is_stored_again_goes_again_without_an_event(lake: Lake) -> None:
    lake.put("a", b"one")
    lake.delete("a")
    (blob,) = blobs(lake)
    gc(lake, dry_run=False, older_than="0s")
    plant(lake, blob, 0)
    head = lake.head()
    reported = gc(lake, dry_run=False).json
    assert (reported["deleted_again"], reported["objects"][0]["verdict"]) == (1, "collected")
    assert (blobs(lake), lake.head()) == (set(), head)


def test_the_same_bytes_can_be_stored_again(lake: Lake) -> None:
    lake.put("a", b"one")
    lake.delete("a")
    gc(lake, dry_run=False, older_than="0s")
    assert lake.put("a", b"one").status == 200
    assert lake.get("a").body == b"one"
    lake.ingest("name=t", b"a\n1\n")
    lake.drop("t")
    gc(lake, dry_run=False, older_than="0s")
    assert lake.ingest("name=t", b"a\n1\n").json["reused"] is False
    assert lake.sql("SELECT a FROM t").json["rows"] == [[1]]


@pytest.mark.parametrize("odd", ["", "7x", "-1s", "1.5d", -1, 1.5, True, [], "99999999w"])
def test_an_odd_span_is_refused(lake: Lake, odd: Any) -> None:
    refused(gc(lake, older_than=odd, dry_run=False), 400, "invalid_request")


def test_an_empty_lake_has_nothing_to_remove(lake: Lake) -> None:
    for dry_run in (True, False):
        reported = gc(lake, dry_run=dry_run, older_than="0s").json
        assert (reported["object_count"], reported["foreign_count"], reported["seq"]) == (0, 0, 0)


def test_a_reader_that_lags_catches_up_and_reads_what_is_there_now(tmp_path: Path) -> None:
    """Another process changes, collects and records while this one looks away."""
    quick = {"LAKEHOUSE_QUERY_TIMEOUT_S": "0.1", "LAKEHOUSE_POLL_INTERVAL_S": "0.05"}

    def elsewhere(*words: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "lakehouse", *words, "--bucket", str(tmp_path / "bucket")],
            env=os.environ | quick,
            check=True,
            capture_output=True,
        )

    (tmp_path / "new.csv").write_text("a\n2\n")
    with running_lake(tmp_path / "bucket", poll_interval_s=3_600) as lake:
        lake.ingest("name=t", b"a\n1\n")
        lake.put("k", b"one")
        with running_lake(tmp_path / "bucket", queries=False) as other:
            other.put("k", b"two")
        elsewhere("ingest", str(tmp_path / "new.csv"), "--name", "t")
        elsewhere("gc", "--older-than", "0s", "--apply")
        assert lake.service.node.state.head.seq == 2
        assert lake.sql("SELECT a FROM t").json["rows"] == [[2]]
    with running_lake(tmp_path / "bucket", poll_interval_s=3_600, queries=False) as lake:
        before = lake.head()
        with running_lake(tmp_path / "bucket", queries=False) as other:
            other.put("k", b"three")
        elsewhere("gc", "--older-than", "0s", "--apply")
        assert lake.head() == before
        assert lake.get("k").body == b"three"
        refused(lake.get("k?as_of=2"), 410, "objects_collected")


def test_a_collection_is_done_once_for_an_idempotency_key(lake: Lake) -> None:
    lake.put("a", b"one")
    lake.put("a", b"two")
    headers = (("Idempotency-Key", "gc-1"),)
    asked = {"dry_run": False, "older_than": "0s"}
    first = lake.ask("POST", "/v1/gc", asked, headers)
    assert (first.status, first.json["deleted"], first.json["object_count"]) == (200, 1, 1)
    lake.put("a", b"three")
    with nothing_changes(lake):
        again = lake.ask("POST", "/v1/gc", asked, headers)
        assert (again.status, again.seq, again.json) == (200, first.seq, first.json)
        other = lake.ask("POST", "/v1/gc", {"dry_run": False, "older_than": "1s"}, headers)
        refused(other, 422, "idempotency_key_reused")
        assert lake.ask("POST", "/v1/gc", {"older_than": "0s"}, headers).json["object_count"] == 1
    events = lake.ask("GET", "/v1/journal/events").json["events"]
    assert [each["seq"] for each in events if each["key"] == "gc-1"] == [first.seq]
