"""Erasure over HTTP: the rows are nowhere, at no moment, in no file; nothing else has changed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from canary_search import places_of
from change_set_requests import history, rename, stage, transaction
from lake_server import Lake, running_lake
from raw_http import Answer, Headers
from refusals import nothing_changes, refused
from structlog.testing import LogCapture

CANARY = "ada.lovelace@example.org"
WHERE = f"email = '{CANARY}'"
REASON = "request 2026-114"
ROWS = f"id,email\n1,{CANARY}\n2,eve@example.org\n".encode()
OTHERS = b"id,email\n3,bob@example.org\n4,\n"


def erase(lake: Lake, name: str, where: str = WHERE, headers: Headers = (), **more: Any) -> Answer:
    body = {"name": name, "where": where, "reason": REASON, "dry_run": False, **more}
    return lake.ask("POST", "/v1/catalog/erase", body, headers)


def emails(lake: Lake, name: str, as_of: int | None = None) -> list[Any]:
    more = {} if as_of is None else {"as_of": as_of}
    answer = lake.sql(f"SELECT email FROM {name} ORDER BY id", **more)
    assert answer.status == 200, answer
    return [row[0] for row in answer.json["rows"]]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with running_lake(tmp_path / "bucket", spool_dir=str(tmp_path / "spool")) as server:
        yield server


def nowhere(lake: Lake) -> bool:
    found = places_of(CANARY, lake.bucket, lake.service.spool_dir.parent)
    assert found == []
    return True


def ingested(lake: Lake, query: str, body: bytes = ROWS) -> int:
    answer = lake.ingest(query, body)
    assert answer.status == 200, answer
    return int(answer.headers["X-Journal-Seq"])


class TestEveryMoment:
    def test_the_rows_leave_the_present_and_the_past(self, lake: Lake) -> None:
        first = ingested(lake, "name=people")
        second = ingested(lake, "name=people&mode=append", OTHERS)
        third = ingested(lake, "name=people", OTHERS)
        assert places_of(CANARY, lake.bucket) != []
        answer = erase(lake, "people")
        assert answer.status == 200, answer
        report = answer.json
        assert (report["moments"], report["objects"], report["rows"]) == (2, 1, 1)
        assert (report["collected"], report["datasets"]) == (1, ["people"])
        assert emails(lake, "people", first) == ["eve@example.org"]
        assert emails(lake, "people", second) == ["eve@example.org", "bob@example.org", None]
        assert emails(lake, "people", third) == emails(lake, "people")
        assert lake.manifest("people", f"?as_of={second}").json["row_count"] == 3
        assert nowhere(lake)

    @pytest.mark.parametrize("place", ["spool", "bucket"])
    def test_what_a_killed_process_left_is_removed(self, lake: Lake, place: str) -> None:
        ingested(lake, "name=people")
        shared = {"spool": lake.service.spool_dir.parent, "bucket": lake.bucket / ".tmp"}
        left = shared[place] / "process-killed" / "ingest-1"
        left.mkdir(parents=True)
        (left / "rows").write_bytes(ROWS)
        assert erase(lake, "people").status == 200
        assert nowhere(lake)

    def test_a_dry_run_reports_the_same_and_changes_nothing(self, lake: Lake) -> None:
        ingested(lake, "name=people")
        with nothing_changes(lake):
            dry = erase(lake, "people", dry_run=True).json
        assert emails(lake, "people") == [CANARY, "eve@example.org"]
        done = erase(lake, "people").json
        same = ("moments", "objects", "rows", "datasets")
        assert {name: dry[name] for name in same} == {name: done[name] for name in same}

    def test_without_a_body_member_it_is_a_dry_run(self, lake: Lake) -> None:
        ingested(lake, "name=people")
        body = {"name": "people", "where": WHERE, "reason": REASON}
        assert lake.ask("POST", "/v1/catalog/erase", body).json["dry_run"] is True

    def test_a_dataset_that_was_dropped_renamed_and_swapped(self, lake: Lake) -> None:
        first = ingested(lake, "name=old")
        rename(lake, "old", "people")
        second = ingested(lake, "name=people", OTHERS)
        ingested(lake, "name=other", OTHERS)
        swap = transaction(lake, {"op": "swap", "a": "people", "b": "other"}).json["seq"]
        assert erase(lake, "people").json["objects"] == 1
        assert emails(lake, "old", first) == ["eve@example.org"]
        assert emails(lake, "people", second) == ["bob@example.org", None]
        assert emails(lake, "other", swap) == ["bob@example.org", None]
        assert nowhere(lake)

    @pytest.mark.parametrize("then", ["swap", "rename"])
    def test_a_version_counts_under_the_name_that_its_change_set_gave(
        self, lake: Lake, then: str
    ) -> None:
        ingested(lake, "name=other", OTHERS)
        staged = stage(lake, "name=people", ROWS)["staged"]
        moved = {
            "swap": {"op": "swap", "a": "people", "b": "other"},
            "rename": {"op": "rename", "name": "people", "to": "persons"},
        }
        assert transaction(lake, {"op": "commit", "staged": staged}, moved[then]).status == 200
        report = erase(lake, "people" if then == "swap" else "persons").json
        assert (report["moments"], report["rows"]) == (1, 1)
        assert nowhere(lake)

    def test_a_name_s_earlier_dataset_is_reached_through_a_rename(self, lake: Lake) -> None:
        first = ingested(lake, "name=people")
        lake.drop("people")
        ingested(lake, "name=new", OTHERS)
        rename(lake, "new", "people")
        assert erase(lake, "people").json["objects"] == 1
        assert emails(lake, "people", first) == ["eve@example.org"]
        assert nowhere(lake)

    def test_all_rows_of_an_object(self, lake: Lake) -> None:
        first = ingested(lake, "name=people", ROWS)
        assert erase(lake, "people", "id < 10").json["rows"] == 2
        assert emails(lake, "people", first) == emails(lake, "people") == []
        assert lake.manifest("people").json["row_count"] == 0

    def test_a_key_that_users_read_keeps_its_name(self, lake: Lake) -> None:
        ingested(lake, "name=made")
        key = lake.manifest("made").json["objects"][0]["key"]
        body = lake.get(key).body
        lake.put("raw/people.parquet", body)
        lake.register("people", "raw/people.parquet", row_count=2)
        first = lake.head()
        answer = erase(lake, "people")
        assert answer.status == 200, answer
        assert answer.json["objects"] == 1
        erase(lake, "made")
        assert emails(lake, "people") == emails(lake, "people", first) == ["eve@example.org"]
        assert CANARY.encode() not in lake.get("raw/people.parquet").body
        assert lake.get("raw/people.parquet").headers["Content-Type"] != ""
        assert nowhere(lake)

    def test_columns_that_a_version_lacked_or_had_with_another_type(self, lake: Lake) -> None:
        first = ingested(lake, "name=people", b"id\n1\n")
        ingested(lake, "name=people&schema_change=replace", ROWS)
        other = b"id,email\nx,7\n"
        ingested(lake, "name=people&schema_change=replace", other)
        refusal = erase(lake, "people", "email = 7")
        refused(refusal, 400, "sql_error")
        assert "TRY_CAST" in refusal.json["detail"]
        assert erase(lake, "people", "TRY_CAST(email AS BIGINT) = 7").json["rows"] == 1
        assert lake.sql("SELECT id FROM people", as_of=first).json["rows"] == [[1]]

    def test_erasing_again_what_was_erased_in_part(self, lake: Lake) -> None:
        first = ingested(lake, "name=people")
        erase(lake, "people")
        assert erase(lake, "people").json["objects"] == 0
        assert erase(lake, "people", "id = 2").json["objects"] == 1
        assert emails(lake, "people", first) == []


class TestWhatBringsThePastBack:
    def test_undo_restore_and_pins_bring_the_others_alone(self, lake: Lake) -> None:
        first = ingested(lake, "name=people")
        second = ingested(lake, "name=people", OTHERS)
        lake.ask("POST", "/v1/catalog/pin", {"name": "people", "as_of": first})
        erase(lake, "people")
        undone = lake.ask("POST", "/v1/journal/undo", {"seq": second, "dry_run": False})
        assert undone.status == 200, undone
        assert emails(lake, "people") == ["eve@example.org"]
        ingested(lake, "name=people", OTHERS)
        lake.ask("POST", "/v1/catalog/restore", {"name": "people", "as_of": first})
        assert emails(lake, "people") == ["eve@example.org"]
        lake.drop("people")
        lake.ask("POST", "/v1/gc", {"older_than": "0s", "dry_run": False})
        assert emails(lake, "people", first) == ["eve@example.org"]

    def test_an_erasure_is_not_undone(self, lake: Lake) -> None:
        ingested(lake, "name=people")
        seq = erase(lake, "people").json["seq"]
        refused(
            lake.ask("POST", "/v1/journal/undo", {"seq": seq, "dry_run": False}), 409, "cannot_undo"
        )

    def test_a_repeated_ingest_answers_without_the_rows(self, lake: Lake) -> None:
        headers = (("Content-Type", "text/csv"), ("Idempotency-Key", "load-1"))
        lake.ingest("name=people", ROWS, headers)
        old = lake.manifest("people").json["objects"][0]["key"]
        erase(lake, "people")
        again = lake.ingest("name=people", ROWS, headers).json
        new = lake.manifest("people").json["objects"][0]["key"]
        assert (again["rows_ingested"], again["row_count"]) == (1, 1)
        assert [each["key"] for each in again["objects"]] == [new]
        assert old != new
        refused(lake.get(old), 410, "objects_collected")

    def test_results_and_etags_of_earlier_moments_are_made_anew(self, lake: Lake) -> None:
        first = ingested(lake, "name=people")
        ingested(lake, "name=people", OTHERS)
        texts = (f"SELECT * FROM people AT (VERSION => {first})", "SELECT * FROM people")
        counts = (f"SELECT row_count FROM lake.datasets AT (VERSION => {first})",)
        before = [lake.sql(text) for text in (*texts, *counts) for _ in range(2)]
        erase(lake, "people")
        after = [lake.sql(text) for text in (*texts, *counts) for _ in range(2)]
        assert after[0].headers["ETag"] != before[1].headers["ETag"]
        assert after[0].json["rows"] == after[1].json["rows"] == [[2, "eve@example.org"]]
        assert after[2].json["rows"] == before[2].json["rows"]
        assert after[4].json["rows"] == [[1]]

    def test_why_and_diff_lead_through_an_erasure(self, lake: Lake) -> None:
        first = ingested(lake, "name=people")
        second = ingested(lake, "name=people&mode=append", OTHERS)
        seq = erase(lake, "people").json["seq"]
        uploads = lake.ask("GET", "/v1/catalog/why/people").json["uploads"]
        assert [each["event"]["seq"] for each in uploads] == [first, second]
        found = lake.ask("GET", f"/v1/catalog/diff?from={first}&to={seq}").json["datasets"]
        assert [(each["rows"]["from"], each["rows"]["to"]) for each in found] == [(1, 3)]
        assert lake.ask("GET", f"/v1/catalog/diff?from={second}&to={seq}").json["datasets"] == []
        assert history(lake, "people")[-1] == (seq, "rows_erased")


class TestQuarantineAndStaging:
    def test_quarantined_records_with_a_literal_are_erased(self, lake: Lake) -> None:
        body = ROWS + f"x,{CANARY.upper()}\ny,carl@example.org\n".encode()
        ingested(lake, "name=people&on_error=quarantine&types=id:int64", body)
        answer = erase(lake, "people")
        assert answer.status == 200, answer
        assert answer.json["rows"] == 2
        found = lake.sql("SELECT raw FROM lake.quarantine").json["rows"]
        assert len(found) == 1
        answer = lake.ask("GET", "/v1/quarantine/people")
        assert answer.status != 200 or CANARY.upper().encode() not in answer.body
        assert places_of(CANARY.upper(), lake.bucket) == []
        assert nowhere(lake)

    def test_a_staged_file_with_such_rows_cannot_be_committed(self, lake: Lake) -> None:
        ingested(lake, "name=people", OTHERS)
        bad = stage(lake, "name=people&mode=append", ROWS)["staged"]
        good = stage(lake, "name=people&mode=append", b"id,email\n9,kim@example.org\n")["staged"]
        dry = erase(lake, "people", dry_run=True).json
        report = erase(lake, "people").json
        for each in (dry, report):
            assert (each["objects"], each["rows"], each["moments"]) == (2, 1, 0)
        refused(transaction(lake, {"op": "commit", "staged": bad}), 404, "staged_not_found")
        assert transaction(lake, {"op": "commit", "staged": good}).status == 200
        assert nowhere(lake)


class TestWhatIsKept:
    def test_the_condition_is_nowhere(self, lake: Lake, logged: LogCapture) -> None:
        ingested(lake, "name=people", OTHERS)
        erase(lake, "people")
        ingested(lake, "name=people", ROWS)
        erase(lake, "people")
        refused(erase(lake, "people", f"missing = '{CANARY}'"), 400, "sql_error")
        refused(erase(lake, "people", f"id = '{CANARY}'"), 400, "sql_error")
        refused(erase(lake, "people", f"email = '{CANARY}' AND"), 400, "sql_error")
        assert CANARY not in str(logged.entries)
        texts = lake.sql("SELECT sql FROM lake.queries").json["rows"]
        assert CANARY not in str(texts)
        assert nowhere(lake)
        event = history(lake, "people")[-1]
        data = lake.ask("GET", f"/v1/journal/events?after={event[0] - 1}").json["events"][0]["data"]
        assert len(data["where_hash"]) == 64

    def test_a_refusal_of_the_condition_does_not_repeat_its_literals(self, lake: Lake) -> None:
        ingested(lake, "name=people")
        for where in (f"missing = '{CANARY}'", f"id = '{CANARY}'", f"email = '{CANARY}' AND"):
            answer = erase(lake, "people", where)
            refused(answer, 400, "sql_error")
            assert CANARY.encode() not in answer.body

    @pytest.mark.parametrize("reason", [f"erase {CANARY.upper()}", "customer 7", "", "  "])
    def test_a_reason_with_a_literal_is_refused(self, lake: Lake, reason: str) -> None:
        ingested(lake, "name=people")
        where = f"email = '{CANARY}' OR id = 7"
        with nothing_changes(lake):
            answer = erase(lake, "people", where, reason=reason)
        refused(answer, 400, "invalid_request")
        assert CANARY.encode() not in answer.body.lower()

    def test_an_idempotency_key_with_a_literal_is_refused(self, lake: Lake) -> None:
        ingested(lake, "name=people")
        answer = erase(lake, "people", headers=(("Idempotency-Key", f"erase-{CANARY}"),))
        refused(answer, 400, "invalid_request")

    def test_the_same_request_again_finds_its_event(self, lake: Lake) -> None:
        ingested(lake, "name=people")
        headers = (("Idempotency-Key", "erasure-1"),)
        first = erase(lake, "people", headers=headers).json
        again = erase(lake, "people", headers=headers).json
        assert (again["seq"], again["rows"]) == (first["seq"], first["rows"])
        other = erase(lake, "people", "id = 2", headers=headers)
        refused(other, 422, "idempotency_key_reused")


class TestDerived:
    def test_a_refresh_after_an_erasure_brings_the_rows_without_it(self, lake: Lake) -> None:
        ingested(lake, "name=people")
        derived = {"name": "copies", "sql": "SELECT * FROM people", "mode": "replace"}
        assert lake.ask("POST", "/v1/catalog/derive", derived).status == 200
        erase(lake, "people")
        assert emails(lake, "copies") == [CANARY, "eve@example.org"]
        again = lake.ask("POST", "/v1/catalog/refresh", {"name": "copies"})
        assert again.status == 200, again
        assert emails(lake, "copies") == ["eve@example.org"]
        assert erase(lake, "copies").json["objects"] == 1
        assert nowhere(lake)


class TestRefusals:
    def test_an_unknown_dataset(self, lake: Lake) -> None:
        refused(erase(lake, "nothing"), 404, "dataset_not_found")

    def test_conditions_that_are_not_allowed(self, lake: Lake) -> None:
        ingested(lake, "name=people")
        with nothing_changes(lake):
            refused(erase(lake, "people", "id IN (SELECT 1)"), 400, "sql_error")
            refused(erase(lake, "people", "random() < 2"), 400, "sql_error")
            refused(erase(lake, "people", "id"), 400, "sql_error")


class TestAlso:
    def test_what_it_does_not_reach_is_named(self, lake: Lake) -> None:
        lake.put("raw/people.csv", ROWS)
        seq = ingested(lake, "name=people")
        view = {"sql": f"SELECT * FROM people WHERE email <> '{CANARY}'"}
        assert lake.ask("PUT", "/v1/catalog/view/others", view).status == 200
        lake.ask("POST", "/v1/catalog/delete", {"name": "people", "where": WHERE})
        derived = {"name": "copies", "sql": "SELECT * FROM people", "mode": "replace"}
        assert lake.ask("POST", "/v1/catalog/derive", derived).status == 200
        also = {(each["kind"], each["name"]) for each in erase(lake, "people").json["also"]}
        assert also == {
            ("upload", "raw/people.csv"),
            ("view", "others"),
            ("event", str(seq + 2)),
            ("derived", "copies"),
        }


def test_a_name_that_was_never_a_dataset_is_not_found(lake: Lake) -> None:
    assert lake.ask("PUT", "/v1/catalog/view/only_view", {"sql": "SELECT 1 AS id"}).status == 200
    with nothing_changes(lake):
        for name in ("only_view", "never_there"):
            refused(erase(lake, name, "id = 1"), 404, "dataset_not_found")
