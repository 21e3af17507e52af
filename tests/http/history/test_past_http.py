"""The past put to use: pins, differences between moments, and the undoing of one change."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lake_server import Lake, running_lake
from raw_http import Answer, Headers
from refusals import nothing_changes, refused


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with running_lake(tmp_path / "bucket", queries=False) as lake:
        yield lake


def post(lake: Lake, path: str, headers: Headers = (), **body: Any) -> Answer:
    return lake.ask("POST", path, body, headers)


def gc(lake: Lake) -> dict[str, Any]:
    body: dict[str, Any] = post(lake, "/v1/gc", dry_run=False, older_than="0s").json
    return body


class TestPins:
    def test_what_is_pinned_outlives_collection_until_it_is_not(self, lake: Lake) -> None:
        then = lake.ingest("name=t", b"a\n1\n").json["seq"]
        lake.drop("t")
        why = (("X-Change-Reason", "the audit"), ("X-Actor", "ada"))
        pinned = post(lake, "/v1/catalog/pin", why, name="T", as_of=then)
        assert pinned.json == {"name": "t", "as_of_seq": then, "seq": lake.head()}
        assert gc(lake)["marked"] == 0
        (listed,) = lake.ask("GET", "/v1/catalog/pins").json["pins"]
        assert (listed["name"], listed["as_of_seq"], listed["objects"]) == ("t", then, 1)
        assert (listed["actor"], listed["reason"]) == ("ada", "the audit")
        with nothing_changes(lake):
            again = post(lake, "/v1/catalog/pin", name="t", as_of=then)
        assert again.json["seq"] == pinned.seq
        assert post(lake, "/v1/catalog/unpin", name="t", as_of_seq=then).status == 200
        refused(post(lake, "/v1/catalog/unpin", name="t", as_of_seq=then), 404, "pin_not_found")
        assert gc(lake)["deleted"] == 1
        refused(post(lake, "/v1/catalog/pin", name="t", as_of=then), 410, "objects_collected")
        assert lake.ask("GET", "/v1/catalog/pins").json["pins"] == []

    def test_what_was_not_there_cannot_be_pinned(self, lake: Lake) -> None:
        lake.register("t")
        refused(post(lake, "/v1/catalog/pin", name="u", as_of=1), 404, "dataset_not_found")
        refused(post(lake, "/v1/catalog/pin", name="t", as_of=0), 404, "dataset_not_found")
        refused(post(lake, "/v1/catalog/pin", name="t", as_of=9), 400, "as_of_in_future")
        refused(post(lake, "/v1/catalog/unpin", name="t", as_of_seq=-1), 400, "invalid_request")


class TestDiff:
    def diff(self, lake: Lake, query: str) -> list[dict[str, Any]]:
        answer = lake.ask("GET", f"/v1/catalog/diff?{query}")
        assert answer.status == 200, answer
        found: list[dict[str, Any]] = answer.json["datasets"]
        return found

    def test_it_tells_what_came_went_and_changed(self, lake: Lake) -> None:
        lake.register("gone")
        lake.ingest("name=t", b"a\n1\n")
        lake.register("same")
        lake.drop("gone")
        lake.ingest("name=t&mode=append", b"a\n2\n3\n")
        lake.ingest("name=new", b"x\n1\n")
        rows = {row["name"]: row for row in self.diff(lake, "from=3")}
        assert {name: row["change"] for name, row in rows.items()} == {
            "gone": "dropped", "t": "changed", "new": "added",
        }  # fmt: skip
        assert rows["t"]["rows"] == {"from": 1, "to": 3, "added": 2, "removed": 0}
        assert [len(rows["t"]["objects"][each]) for each in ("added", "removed")] == [1, 0]
        assert rows["new"]["rows"] == {"from": None, "to": 1, "added": 1, "removed": 0}
        assert self.diff(lake, "from=3&to=3") == []
        back = {row["name"]: row["change"] for row in self.diff(lake, "from=6&to=3")}
        assert back == {"gone": "added", "t": "changed", "new": "dropped"}

    def test_columns_that_differ_are_named(self, lake: Lake) -> None:
        lake.ingest("name=t", b"a,b\n1,2\n")
        lake.ingest("name=t&schema_change=replace", b"a,c\nx,2\n")
        (row,) = self.diff(lake, "from=1")
        assert {each["name"] for each in row["schema"]} == {"a", "b", "c"}

    def test_what_is_again_as_it_was_has_not_changed(self, lake: Lake) -> None:
        lake.ingest("name=t", b"a\n1\n")
        lake.ingest("name=t&mode=append", b"a\n2\n")
        lake.drop("t")
        assert lake.ask("POST", "/v1/catalog/restore", {"name": "t", "as_of": 2}).seq == 4
        assert self.diff(lake, "from=2") == []
        assert [row["change"] for row in self.diff(lake, "from=1")] == ["changed"]

    def test_a_moment_must_be_one(self, lake: Lake) -> None:
        refused(lake.ask("GET", "/v1/catalog/diff"), 400, "invalid_request")
        refused(lake.ask("GET", "/v1/catalog/diff?from=soon"), 400, "invalid_request")
        missing = lake.ask("GET", "/v1/catalog/diff?to=1")
        refused(missing, 400, "invalid_request")
        assert "the parameter from is missing" in missing.json["detail"]
        refused(lake.ask("GET", "/v1/catalog/diff?from=0&to=9"), 400, "as_of_in_future")


class TestUndo:
    def undo(self, lake: Lake, seq: int, **more: Any) -> Answer:
        return post(lake, "/v1/journal/undo", seq=seq, dry_run=False, **more)

    def test_a_dry_run_tells_and_does_nothing(self, lake: Lake) -> None:
        lake.ingest("name=t", b"a\n1\n")
        lake.drop("t")
        with nothing_changes(lake):
            reported = post(lake, "/v1/journal/undo", seq=2).json
        assert (reported["dry_run"], reported["undoes"], reported["type"]) == (
            True,
            2,
            "dataset_restored",
        )
        assert [(row["name"], row["change"]) for row in reported["datasets"]] == [("t", "added")]
        done = self.undo(lake, 2)
        assert done.json["datasets"][0]["change"] == "added"
        assert done.seq == lake.head() == 3
        assert lake.manifest("t").json["row_count"] == 1

    def test_each_change_of_a_dataset_has_its_inverse(self, lake: Lake) -> None:
        lake.ingest("name=t", b"a\n1\n")
        lake.ingest("name=t&mode=append", b"a\n2\n")
        assert self.undo(lake, 2).json["type"] == "dataset_restored"
        assert lake.manifest("t").json["row_count"] == 1
        assert self.undo(lake, 3).json["type"] == "dataset_restored"
        assert lake.manifest("t").json["row_count"] == 2
        lake.register("u")
        assert self.undo(lake, 5).json["type"] == "dataset_dropped"
        refused(lake.manifest("u"), 404, "dataset_not_found")

    def test_keys_get_the_version_they_had(self, lake: Lake) -> None:
        lake.put("k", b"one")
        lake.put("k", b"two")
        assert self.undo(lake, 2).json["type"] == "object_stored"
        assert lake.get("k").body == b"one"
        lake.delete("k")
        assert self.undo(lake, 4).json["key"] == "k"
        assert lake.get("k").body == b"one"
        lake.put("other")
        assert self.undo(lake, 6).json["type"] == "object_forgotten"
        refused(lake.get("other"), 404, "object_not_found")

    def test_a_pin_is_undone_by_unpinning(self, lake: Lake) -> None:
        lake.register("t")
        post(lake, "/v1/catalog/pin", name="t", as_of=1)
        assert self.undo(lake, 2).json["type"] == "dataset_unpinned"
        refused(self.undo(lake, 3), 409, "cannot_undo")

    def test_pins_are_never_in_the_way(self, lake: Lake) -> None:
        lake.ingest("name=t", b"a\n1\n")
        lake.ingest("name=t&mode=append", b"a\n2\n")
        post(lake, "/v1/catalog/pin", name="t", as_of=1)
        assert post(lake, "/v1/journal/undo", seq=2).json["type"] == "dataset_restored"
        post(lake, "/v1/catalog/unpin", name="t", as_of_seq=1)
        assert self.undo(lake, 2).json["type"] == "dataset_restored"
        assert lake.manifest("t").json["row_count"] == 1

    def test_nor_are_pins_of_a_dataset_that_was_dropped(self, lake: Lake) -> None:
        lake.ingest("name=t", b"a\n1\n")
        lake.drop("t")
        for _ in range(2):
            post(lake, "/v1/catalog/pin", name="t", as_of=1)
            post(lake, "/v1/catalog/unpin", name="t", as_of_seq=1)
        refused(post(lake, "/v1/journal/undo", seq=1), 409, "undo_conflict")
        assert post(lake, "/v1/journal/undo", seq=2).json["type"] == "dataset_restored"
        assert self.undo(lake, 2).json["datasets"][0]["change"] == "added"

    def test_what_came_later_must_be_undone_first(self, lake: Lake) -> None:
        lake.put("k", b"one")
        lake.put("k", b"two")
        lake.register("t")
        lake.drop("t")
        with nothing_changes(lake):
            for seq, later in ((1, 2), (3, 4)):
                for dry_run in (True, False):
                    body = {"seq": seq, "dry_run": dry_run}
                    answer = lake.ask("POST", "/v1/journal/undo", body)
                    conflict = refused(answer, 409, "undo_conflict")
                    assert f"event {later}" in conflict.json["detail"]

    def test_what_has_no_inverse_says_why(self, lake: Lake) -> None:
        lake.put("k", b"one")
        lake.put("k", b"two")
        gc(lake)
        for seq in (3, 4):
            refused(self.undo(lake, seq), 409, "cannot_undo")
        refused(self.undo(lake, 2), 410, "objects_collected")
        for seq in (0, 99):
            refused(self.undo(lake, seq), 404, "event_not_found")

    def test_a_key_undoes_it_once(self, lake: Lake) -> None:
        lake.register("t")
        lake.drop("t")
        key = (("Idempotency-Key", "k"),)
        first = post(lake, "/v1/journal/undo", key, seq=2, dry_run=False)
        with nothing_changes(lake):
            again = post(lake, "/v1/journal/undo", key, seq=2, dry_run=False)
        assert (again.json, again.seq) == (first.json, first.seq)
