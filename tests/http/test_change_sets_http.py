"""Change sets, renames and staged files over HTTP: all of it at one event, or nothing."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from lake_server import Lake, running_lake
from raw_http import Answer, Headers
from refusals import nothing_changes, refused

from lakehouse.service.gc import listing
from lakehouse.service.staging import VALID

Fresh = Callable[[], str]
CSV = (("Content-Type", "text/csv"),)


def transaction(lake: Lake, *changes: Any, headers: Headers = (), **more: Any) -> Answer:
    body = {"changes": list(changes), **more}
    return lake.ask("POST", "/v1/catalog/transaction", body, headers)


def rename(lake: Lake, name: str, to: str, headers: Headers = ()) -> Answer:
    return lake.ask("POST", "/v1/catalog/rename", {"name": name, "to": to}, headers)


def stage(lake: Lake, query: str, body: bytes) -> Any:
    answer = lake.ingest(f"{query}&stage=true", body)
    assert answer.status == 200, answer
    return answer.json


def values(lake: Lake, name: str, **more: Any) -> list[Any]:
    answer = lake.sql(f"SELECT a FROM {name} ORDER BY a", **more)
    return [row[0] for row in answer.json["rows"]] if answer.status == 200 else []


def history(lake: Lake, name: str) -> list[tuple[int, str]]:
    answer = lake.ask("GET", f"/v1/catalog/history/{name}")
    return [(each["seq"], each["type"]) for each in answer.json["events"]]


class TestRename:
    def test_the_rows_history_and_pins_are_under_the_new_name(
        self, lake: Lake, fresh: Fresh
    ) -> None:
        name, to = fresh(), fresh()
        first = lake.ingest(f"name={name}", b"a\n1\n").seq
        pin = lake.ask("POST", "/v1/catalog/pin", {"name": name, "as_of": first}).seq
        answer = rename(lake, name, to)
        assert answer.json == {
            "name": name, "to": to, "dataset_id": lake.manifest(to).json["dataset_id"],
            "seq": answer.seq,
        }  # fmt: skip
        assert values(lake, to) == [1]
        assert values(lake, name, as_of=first) == [1]
        refused(lake.manifest(name), 404, "dataset_not_found")
        assert history(lake, to) == [
            (first, "dataset_registered"), (pin, "dataset_pinned"), (answer.seq, "dataset_renamed"),
        ]  # fmt: skip
        assert history(lake, name) == history(lake, to)
        later = lake.ingest(f"name={to}&mode=append", b"a\n2\n").seq
        assert history(lake, to)[-1] == (later, "dataset_appended")
        assert history(lake, name)[-1] == (answer.seq, "dataset_renamed")
        pins = lake.ask("GET", "/v1/catalog/pins").json["pins"]
        assert [(each["name"], each["as_of_seq"]) for each in pins if each["seq"] == pin] == [
            (to, first)
        ]

    def test_it_says_why_not(self, lake: Lake, fresh: Fresh) -> None:
        name, other = fresh(), fresh()
        lake.register(name)
        lake.register(other)
        with nothing_changes(lake):
            refused(rename(lake, fresh(), fresh()), 404, "dataset_not_found")
            refused(rename(lake, name, other.upper()), 409, "name_taken")
            refused(rename(lake, name, "1a"), 400, "invalid_name")
            refused(rename(lake, "", name), 400, "empty_name")
            assert rename(lake, name, name).status == 200

    def test_another_spelling_is_free(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.register(name)
        assert rename(lake, name, name.upper()).status == 200
        assert lake.manifest(name).json["name"] == name.upper()

    def test_it_is_undone(self, lake: Lake, fresh: Fresh) -> None:
        name, to = fresh(), fresh()
        lake.ingest(f"name={name}", b"a\n1\n")
        seq = rename(lake, name, to).seq
        diff = lake.ask("GET", f"/v1/catalog/diff?from={seq - 1}&to={seq}").json["datasets"]
        assert [(each["name"], each["change"]) for each in diff] == [
            (name, "dropped"), (to, "added"),
        ]  # fmt: skip
        undone = lake.ask("POST", "/v1/journal/undo", {"seq": seq, "dry_run": False})
        assert undone.json["type"] == "dataset_renamed"
        assert values(lake, name) == [1]
        assert len(history(lake, name)) == 3

    def test_sent_again_under_its_key_it_is_done_once(self, lake: Lake, fresh: Fresh) -> None:
        name, to = fresh(), fresh()
        lake.register(name)
        key = (("Idempotency-Key", name),)
        first = rename(lake, name, to, key)
        lake.register(name)
        with nothing_changes(lake):
            again = rename(lake, name, to, key)
        assert (again.status, again.json, again.seq) == (200, first.json, first.seq)

    def test_system_views_find_its_events(self, lake: Lake, fresh: Fresh) -> None:
        """The history of the new name's earlier life is not lost to `lake.events`."""
        name, to = fresh(), fresh()
        earlier = lake.register(to).seq
        lake.drop(to)
        lake.register(name)
        rename(lake, name, to)
        found = lake.sql(f"SELECT min(seq) FROM lake.events WHERE dataset = '{to}'").json["rows"]
        assert found == [[earlier]]


class TestChangeSet:
    def test_blue_becomes_green_at_one_event(self, lake: Lake, fresh: Fresh) -> None:
        blue, green, gone = fresh(), fresh(), fresh()
        lake.ingest(f"name={blue}", b"a\n1\n")
        lake.ingest(f"name={green}", b"a\n2\n")
        lake.register(gone)
        before = lake.head()
        answer = transaction(
            lake,
            {"op": "swap", "a": blue, "b": green},
            {"op": "drop", "name": gone},
            {"op": "rename", "name": green, "to": f"{green}_old"},
        )
        assert answer.status == 200, answer
        assert answer.seq == answer.json["seq"] == lake.head() == before + 1
        assert answer.json["results"] == [
            {
                "op": "swap", "name": blue, "to": green, "row_count": 1,
                "dataset_id": lake.manifest(blue).json["dataset_id"],
            },
            {"op": "drop", "name": gone, "to": None, "dataset_id": None, "row_count": None},
            {
                "op": "rename", "name": green, "to": f"{green}_old", "row_count": 1,
                "dataset_id": lake.manifest(f"{green}_old").json["dataset_id"],
            },
        ]  # fmt: skip
        assert (values(lake, blue), values(lake, f"{green}_old")) == ([2], [1])
        assert values(lake, blue, as_of=before) == [1]
        events = lake.ask("GET", f"/v1/journal/events?dataset={gone}").json["events"]
        assert events[-1]["type"] == "change_set_committed"
        assert [each["type"] for each in events[-1]["data"]["changes"]] == [
            "datasets_swapped", "dataset_dropped", "dataset_renamed",
        ]  # fmt: skip
        undone = lake.ask("POST", "/v1/journal/undo", {"seq": answer.seq, "dry_run": False})
        assert undone.json["type"] == "change_set_committed"
        assert lake.head() == before + 2
        assert (values(lake, blue), values(lake, green)) == ([1], [2])
        assert lake.manifest(gone).status == 200

    def test_a_refusal_names_its_change_and_nothing_is_done(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.register(name)
        with nothing_changes(lake):
            drop = {"op": "drop", "name": name}
            answer = refused(transaction(lake, drop, drop), 404, "dataset_not_found")
            assert answer.json["errors"][0]["change"] == 1
            register = {"op": "register", "name": "x", "schema_fingerprint": "f"}
            missing = register | {"objects": [{"key": "no/1"}, {"key": "no/2"}]}
            answer = refused(transaction(lake, missing), 422, "object_missing")
            assert [(each["change"], each["key"]) for each in answer.json["errors"]] == [
                (0, "no/1"), (0, "no/2"),
            ]  # fmt: skip
            bad_name = {"op": "rename", "name": name, "to": "1a"}
            answer = refused(transaction(lake, drop, bad_name), 400, "invalid_name")
            assert answer.json["errors"][0]["change"] == 1
            future = {"op": "restore", "name": name, "as_of": lake.head() + 1_000}
            answer = refused(transaction(lake, future), 400, "as_of_in_future")
            assert answer.json["errors"][0]["change"] == 0

    def test_what_is_no_change_set_is_refused(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.register(name)
        with nothing_changes(lake):
            refused(transaction(lake), 400, "invalid_request")
            refused(
                transaction(lake, *[{"op": "drop", "name": name}] * 1_001), 400, "invalid_request"
            )
            for odd in ({"op": "explode"}, {"name": name}, {"op": "swap", "a": name}, 1):
                refused(transaction(lake, odd), 400, "invalid_request")

    def test_restore_and_register_are_changes_of_a_set(self, lake: Lake, fresh: Fresh) -> None:
        name, other, key = fresh(), fresh(), fresh()
        then = lake.ingest(f"name={name}", b"a\n1\n").seq
        lake.drop(name)
        lake.put(key)
        objects = [{"key": key}]
        answer = transaction(
            lake,
            {"op": "restore", "name": name, "as_of": then},
            {"op": "register", "name": other, "schema_fingerprint": "f", "objects": objects},
        )
        assert answer.status == 200, answer
        assert values(lake, name) == [1]
        assert lake.manifest(other).json["seq"] == lake.manifest(name).json["seq"] == answer.seq

    def test_expectations_are_judged_first(self, lake: Lake, fresh: Fresh) -> None:
        name, absent = fresh(), fresh()
        seen = lake.register(name).seq
        drop = {"op": "drop", "name": absent}
        with nothing_changes(lake):
            answer = transaction(lake, drop, expect={name: seen - 1, absent: None})
            refused(answer, 409, "expectation_failed")
            assert answer.json["errors"] == [{"name": name, "expected": seen - 1, "actual": seen}]
        drop = {"op": "drop", "name": name}
        assert transaction(lake, drop, expect={name: seen, absent: None}).status == 200

    def test_sent_again_under_its_key_it_is_done_once(self, lake: Lake, fresh: Fresh) -> None:
        a, b = fresh(), fresh()
        lake.ingest(f"name={a}", b"a\n1\n")
        lake.ingest(f"name={b}", b"a\n2\n")
        key = (("Idempotency-Key", a),)
        first = transaction(lake, {"op": "swap", "a": a, "b": b}, headers=key)
        with nothing_changes(lake):
            again = transaction(lake, {"op": "swap", "a": a, "b": b}, headers=key)
            other = transaction(lake, {"op": "drop", "name": a}, headers=key)
        assert (again.status, again.json, again.seq) == (200, first.json, first.seq)
        refused(other, 422, "idempotency_key_reused")

    def test_a_thousand_changes_are_one_event(self, own_lake: Lake) -> None:
        register = {"op": "register", "schema_fingerprint": "f", "objects": []}
        made = transaction(own_lake, *[register | {"name": f"d{n}"} for n in range(1_000)])
        assert made.status == 200, made
        swaps = [{"op": "rename", "name": f"d{n}", "to": f"e{n}"} for n in range(1_000)]
        answer = transaction(own_lake, *swaps)
        assert answer.status == 200, answer
        assert own_lake.head() == 2
        event = own_lake.ask("GET", "/v1/journal/events?after=1").json["events"][0]
        assert len(event["about"]) == 2_000
        assert history(own_lake, "e999") == [
            (1, "change_set_committed"),
            (2, "change_set_committed"),
        ]


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
        monkeypatch.setattr("lakehouse.service.staging.VALID", -VALID)
        staged = stage(own_lake, "name=t", b"a\n1\n")["staged"]
        refused(transaction(own_lake, {"op": "commit", "staged": staged}), 404, "staged_not_found")
