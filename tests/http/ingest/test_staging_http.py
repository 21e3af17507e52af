"""Staged files over HTTP: uploaded first, committed by a change set, used once."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from change_set_requests import stage, transaction, values
from lake_server import Lake, running_lake
from refusals import nothing_changes, refused

from lakehouse.service.catalog.staging import VALID
from lakehouse.service.gc import listing

Fresh = Callable[[], str]
CSV = (("Content-Type", "text/csv"),)


class TestStaging:
    def test_several_files_come_in_together(self, lake: Lake, fresh: Fresh) -> None:
        one, two = fresh(), fresh()
        lake.ingest(f"name={two}", b"a\n1\n")
        with_head = lake.head()
        first = stage(lake, f"name={one}", b"a\n5\n")
        second = stage(lake, f"name={two}&mode=append", b"a\n6\n")
        assert lake.head() == with_head
        refused(lake.manifest(one), 404, "dataset_not_found")
        assert (second["name"], second["mode"], second["rows_ingested"]) == (two, "append", 1)
        answer = transaction(
            lake,
            {"op": "commit", "staged": first["staged"]},
            {"op": "commit", "staged": second["staged"]},
        )
        assert answer.status == 200, answer
        assert [each["name"] for each in answer.json["results"]] == [one, two]
        assert (values(lake, one), values(lake, two)) == ([5], [1, 6])
        assert lake.head() == with_head + 1

    def test_a_staged_file_is_used_once(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        commit = {
            "op": "commit",
            "staged": stage(lake, f"name={name}&mode=append", b"a\n1\n")["staged"],
        }
        with nothing_changes(lake):
            refused(transaction(lake, commit, commit), 404, "staged_not_found")
        assert transaction(lake, commit).status == 200
        lake.drop(name)
        with nothing_changes(lake):
            answer = refused(transaction(lake, commit), 404, "staged_not_found")
            assert answer.json["errors"][0]["change"] == 0

    @pytest.mark.parametrize("rows", [b"a\n", b"a\n1\n"])
    def test_also_one_without_rows(self, lake: Lake, fresh: Fresh, rows: bytes) -> None:
        commit = {"op": "commit", "staged": stage(lake, f"name={fresh()}", rows)["staged"]}
        assert transaction(lake, commit).status == 200
        lake.drop(lake.ask("GET", "/v1/journal/events?type=change_set_committed").json["events"][-1]["data"]["changes"][0]["data"]["name"])  # fmt: skip  # noqa: E501
        refused(transaction(lake, commit), 404, "staged_not_found")

    def test_the_mode_may_be_another_one_at_commit(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"a\n1\n")
        staged = stage(lake, f"name={name}", b"a\n2\n")["staged"]
        assert transaction(lake, {"op": "commit", "staged": staged, "mode": "append"}).status == 200
        assert values(lake, name) == [1, 2]
        staged = stage(lake, f"name={name}&schema_change=replace", b"b\nx\n")["staged"]
        append = {"op": "commit", "staged": staged, "mode": "append"}
        refused(transaction(lake, append), 400, "invalid_request")

    def test_the_schema_is_judged_again(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"a\n1\n")
        commit = {
            "op": "commit",
            "staged": stage(lake, f"name={name}&mode=append", b"a\n2\n")["staged"],
        }
        lake.ingest(f"name={name}&schema_change=replace", b"b\nx\n")
        with nothing_changes(lake):
            answer = refused(transaction(lake, commit), 409, "schema_conflict")
            assert {each["change"] for each in answer.json["errors"]} == {0}

    def test_widening_by_values_that_have_changed_is_refused(
        self, lake: Lake, fresh: Fresh
    ) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"a\n1\n")
        widening = f"name={name}&mode=append&schema_change=widen"
        commit = {"op": "commit", "staged": stage(lake, widening, b"a\n2.5\n")["staged"]}
        lake.ingest(f"name={name}&mode=append", b"a\n9007199254740993\n")
        with nothing_changes(lake):
            refused(transaction(lake, commit), 409, "expectation_failed")

    def test_what_the_dataset_holds_already_changes_nothing(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"a\n1\n")
        commit = {"op": "commit", "staged": stage(lake, f"name={name}", b"a\n1\n")["staged"]}
        with nothing_changes(lake):
            assert transaction(lake, commit).status == 200

    def test_a_bad_file_is_refused_when_it_is_staged(self, lake: Lake, fresh: Fresh) -> None:
        with nothing_changes(lake):
            query = f"name={fresh()}&stage=true"
            refused(lake.ingest(query, b"a,b\n1\n"), 422, "malformed_csv")
            refused(lake.ingest(f"{query}&dry_run=true", b"a\n1\n"), 400, "invalid_request")

    def test_no_other_object_passes_for_a_staged_file(self, lake: Lake, fresh: Fresh) -> None:
        """Whoever stores a descriptor's very bytes gets a blob that the journal names."""
        staged = stage(lake, f"name={fresh()}", b"a\n1\n")["staged"]
        body = (lake.bucket / "objects" / staged).read_bytes()
        lake.put(fresh(), body)
        blobs = [path.name for path in (lake.bucket / "objects").glob(f"{staged[:64]}-*")]
        (own,) = set(blobs) - {staged}
        for odd in (own, "nothing", "", f"../objects/{staged}", "0" * 64 + staged[64:]):
            answer = transaction(lake, {"op": "commit", "staged": odd})
            refused(answer, 404, "staged_not_found")

    def test_another_process_commits_it_also_after_a_restart(self, tmp_path: Path) -> None:
        with running_lake(tmp_path / "bucket") as first:
            staged = stage(first, "name=t", b"a\n1\n")["staged"]
        with running_lake(tmp_path / "bucket") as second:
            assert transaction(second, {"op": "commit", "staged": staged}).status == 200
            assert values(second, "t") == [1]

    def test_what_nobody_commits_is_collected_after_its_grace(
        self, own_lake: Lake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commit = {"op": "commit", "staged": stage(own_lake, "name=t", b"a\n1\n")["staged"]}
        collect = {"dry_run": False, "older_than": "0s"}
        own_lake.put("k")
        assert own_lake.ask("POST", "/v1/gc", collect).json["deleted"] == 0
        monkeypatch.setattr(listing, "GRACE", timedelta(seconds=-60))
        found = own_lake.ask("POST", "/v1/gc", collect).json
        assert (found["deleted"], found["left"]) == (2, 0)
        assert list((own_lake.bucket / "datasets").rglob("*.parquet")) == []
        refused(transaction(own_lake, commit), 404, "staged_not_found")

    def test_after_23_hours_it_has_expired(
        self, own_lake: Lake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("lakehouse.service.catalog.staging.VALID", -VALID)
        staged = stage(own_lake, "name=t", b"a\n1\n")["staged"]
        refused(transaction(own_lake, {"op": "commit", "staged": staged}), 404, "staged_not_found")
