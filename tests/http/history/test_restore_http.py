"""Restoring: a dataset as it was, dropped, overwritten or appended to since."""

from collections.abc import Callable
from typing import Any

from lake_server import Lake
from raw_http import Answer, Headers
from refusals import nothing_changes, refused

Fresh = Callable[[], str]
OF_ITS_EVENT = ("seq", "created_at", "updated_at")


def restore(lake: Lake, name: str, as_of: Any, headers: Headers = ()) -> Answer:
    body = {"name": name, "as_of": as_of, "unknown_member": 1}
    return lake.ask("POST", "/v1/catalog/restore", body, headers)


def content(manifest: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in manifest.items() if name not in OF_ITS_EVENT}


def test_a_dropped_dataset_comes_back_whole(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    was = lake.ingest(f"name={name}", b"a\n1\n2\n").json
    then = lake.manifest(name).json
    lake.drop(name)
    answer = restore(lake, name, was["seq"])
    assert content(answer.json) == content(then)
    assert answer.seq == answer.json["seq"] == lake.head()
    assert lake.sql(f"SELECT sum(a) FROM {name}").json["rows"] == [[3]]
    assert lake.manifest(name).json == answer.json
    events = lake.ask("GET", f"/v1/catalog/history/{name}").json["events"]
    assert [each["type"] for each in events][-1] == "dataset_restored"
    assert events[-1]["data"]["as_of_seq"] == was["seq"]


def test_what_was_overwritten_or_appended_to_is_undone(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    first = lake.ingest(f"name={name}", b"a\n1\n").json["seq"]
    both = lake.ingest(f"name={name}&mode=append", b"a\n2\n").json["seq"]
    lake.ingest(f"name={name}&schema_change=replace", b"b\nx\n")
    assert restore(lake, name, both).json["row_count"] == 2
    assert restore(lake, name, str(first)).json["row_count"] == 1
    again = lake.ingest(f"name={name}", b"a\n1\n").json
    assert again["reused"]


def test_a_time_is_a_moment_too_and_a_spelling_finds_its_name(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.register(name)
    at = lake.manifest(name).json["updated_at"]
    lake.drop(name)
    assert restore(lake, name.upper(), at).json["name"] == name


def test_what_is_so_already_is_the_same_receipt(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    made = lake.register(name)
    with nothing_changes(lake):
        again = restore(lake, name, made.seq)
    assert (again.json, again.seq) == (made.json, made.seq)


def test_it_says_why_not(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    before = lake.head()
    made = lake.register(name).seq
    lake.drop(name)
    with nothing_changes(lake):
        refused(restore(lake, name, before), 404, "dataset_not_found")
        refused(restore(lake, fresh(), made), 404, "dataset_not_found")
        refused(restore(lake, name, made + 1_000), 400, "as_of_in_future")
        refused(restore(lake, name, "2999-01-01T00:00:00Z"), 400, "as_of_in_future")
        refused(restore(lake, "", made), 400, "empty_name")
        refused(restore(lake, "1a", made), 400, "invalid_name")
        for odd in (None, 1.5, True, [], "yesterday", -1):
            refused(restore(lake, name, odd), 400, "invalid_request")
    lake.register(name.upper())
    with nothing_changes(lake):
        refused(restore(lake, name, made), 409, "name_taken")


def test_a_key_makes_it_once(lake: Lake, fresh: Fresh) -> None:
    name, key = fresh(), (("Idempotency-Key", fresh()),)
    made = lake.register(name).seq
    lake.drop(name)
    first = restore(lake, name, made, key)
    lake.drop(name)
    with nothing_changes(lake):
        again = restore(lake, name, made, key)
        assert (again.json, again.seq) == (first.json, first.seq)
        refused(restore(lake, name, made + 1, key), 404, "dataset_not_found")
        refused(restore(lake, name, first.seq, key), 422, "idempotency_key_reused")


def test_files_of_a_restored_dataset_are_known_to_dedupe(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    files = [b"a\n1\n", b"a\n2\n", b"a\n3\n"]
    seqs = [lake.ingest(f"name={name}&mode=append", file).seq for file in files]
    lake.drop(name)
    body = {"name": name, "as_of": seqs[-1]}
    again = lake.ask("POST", "/v1/catalog/restore", body).seq
    for file, seq in zip(files, seqs, strict=True):
        with nothing_changes(lake):
            dry = lake.ingest(f"name={name}&mode=append&dedupe=source&dry_run=true", file)
            answer = lake.ingest(f"name={name}&mode=append&dedupe=source", file)
        assert (answer.status, answer.json["duplicate_of"], answer.json["reused"]) == (
            200,
            seq,
            True,
        )
        assert dry.json["outcome"] == "reuse"
    lake.ingest(f"name={name}&mode=append&dedupe=source", b"a\n4\n")
    lake.ingest(f"name={name}", b"a\n5\n")
    then = lake.ask("POST", "/v1/catalog/restore", {"name": name, "as_of": again + 1})
    assert then.json["row_count"] == 4
    for file in (*files, b"a\n4\n"):
        assert lake.ingest(f"name={name}&mode=append&dedupe=source", file).json["reused"], file
    assert not lake.ingest(f"name={name}&mode=append&dedupe=source", b"a\n5\n").json["reused"]


def test_a_file_is_appended_to_registered_objects_once(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    made = lake.ingest(f"name={fresh()}", b"a\n1\n").json
    lake.register(name, made["objects"][0]["key"], fingerprint=made["schema_fingerprint"])
    first = lake.ingest(f"name={name}&mode=append&dedupe=source", b"a\n2\n")
    assert first.status == 200, first
    assert lake.ingest(f"name={name}&mode=append&dedupe=source", b"a\n2\n").json["reused"]
