"""Registering, showing, listing, dropping: the contract's catalog table."""

import uuid
from collections.abc import Callable
from urllib.parse import quote

import pytest
from lake_server import Lake
from refusals import nothing_changes, refused

Fresh = Callable[[], str]
NAMESPACE = uuid.UUID("a8f3c1d2-4e5b-5a6c-9d8e-7f0a1b2c3d4e")
MANIFEST = {
    "dataset_id", "name", "schema_fingerprint", "schema", "objects", "row_count",
    "created_at", "updated_at", "seq",
}  # fmt: skip


def test_a_registered_dataset_is_what_its_manifest_says(lake: Lake, fresh: Fresh) -> None:
    name, key = fresh(), fresh()
    stored = lake.put(key, b"bytes").json
    answer = lake.register(name, key, fingerprint="v1:opaque!", row_count=7)
    body = answer.json
    assert body.keys() == MANIFEST
    assert body["dataset_id"] == str(uuid.uuid5(NAMESPACE, name))
    assert body["objects"] == [
        {
            "key": key,
            "size_bytes": 5,
            "sha256": stored["sha256"],
            "row_count": None,
            "version": stored["seq"],
        }
    ]
    assert (body["name"], body["schema_fingerprint"], body["schema"], body["row_count"]) == (
        name,
        "v1:opaque!",
        None,
        7,
    )
    assert body["created_at"] == body["updated_at"]
    assert body["seq"] == answer.seq == lake.head()
    assert lake.manifest(name).json == body


def test_a_dataset_holds_the_versions_of_its_registration(lake: Lake, fresh: Fresh) -> None:
    name, key = fresh(), fresh()
    first = lake.put(key, b"first").json
    lake.register(name, key)
    second = lake.put(key, b"second").json
    assert lake.manifest(name).json["objects"][0]["version"] == first["seq"]
    again = lake.register(name, key)
    assert again.json["objects"][0]["version"] == second["seq"]
    assert again.json["objects"][0]["sha256"] == second["sha256"]


def test_registering_again_replaces_the_objects_and_keeps_the_id(lake: Lake, fresh: Fresh) -> None:
    name, one, two = fresh(), fresh(), fresh()
    lake.put(one, b"1")
    lake.put(two, b"2")
    first = lake.register(name, one, two).json
    second = lake.register(name, two, one).json
    assert [item["key"] for item in second["objects"]] == [two, one]
    third = lake.register(name, one).json
    assert first["dataset_id"] == second["dataset_id"] == third["dataset_id"]
    assert first["created_at"] == third["created_at"] < third["updated_at"]
    assert first["seq"] < second["seq"] < third["seq"]


def test_registering_the_same_again_is_the_same_receipt(lake: Lake, fresh: Fresh) -> None:
    name, key = fresh(), fresh()
    lake.put(key)
    first = lake.register(name, key)
    lake.put(fresh(), b"another event in between")
    with nothing_changes(lake):
        again = lake.register(name, key, unknown_member={"is": ["ignored"]})
    assert (again.status, again.json, again.seq) == (200, first.json, first.seq)


def test_a_dataset_may_be_empty_of_objects(lake: Lake, fresh: Fresh) -> None:
    body = lake.register(fresh(), row_count=0).json
    assert (body["objects"], body["row_count"]) == ([], 0)


def test_another_fingerprint_is_a_conflict_until_the_drop(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.register(name, fingerprint="one")
    with nothing_changes(lake):
        refused(lake.register(name, fingerprint="two"), 409, "fingerprint_conflict")
    lake.drop(name)
    assert lake.register(name, fingerprint="two").status == 200


def test_two_datasets_may_share_a_fingerprint(lake: Lake, fresh: Fresh) -> None:
    assert lake.register(fresh(), fingerprint="shared").status == 200
    assert lake.register(fresh(), fingerprint="shared").status == 200


def test_a_name_is_taken_in_every_spelling_until_the_drop(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.register(name)
    with nothing_changes(lake):
        refused(lake.register(name.upper()), 409, "name_taken")
        refused(lake.ingest(f"name={name.title()}"), 409, "name_taken")
    assert lake.drop(name.upper()).json["name"] == name
    upper = lake.register(name.upper()).json
    assert upper["dataset_id"] == str(uuid.uuid5(NAMESPACE, name.upper()))
    refused(lake.register(name), 409, "name_taken")


def test_missing_objects_are_all_named(lake: Lake, fresh: Fresh) -> None:
    here, absent, forgotten = fresh(), fresh(), fresh()
    lake.put(here)
    lake.put(forgotten)
    lake.delete(forgotten)
    with nothing_changes(lake):
        answer = refused(
            lake.register(fresh(), here, absent, forgotten, "a//b"), 422, "object_missing"
        )
    assert answer.json["errors"] == [{"key": absent}, {"key": forgotten}, {"key": "a//b"}]


def test_refusals_come_in_the_order_of_the_contract(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.register(name, fingerprint="one")
    cases = [
        ("", "", 400, "empty_name"),
        ("1bad", "", 400, "invalid_name"),
        (name, "", 400, "empty_fingerprint"),
        (name.upper(), "two", 409, "name_taken"),
        (name, "two", 409, "fingerprint_conflict"),
        (name, "one", 422, "object_missing"),
    ]
    with nothing_changes(lake):
        for given, fingerprint, status, code in cases:
            refused(lake.register(given, "absent", fingerprint=fingerprint), status, code)


BAD_NAMES = [
    " ", "1a", "a b", "a-b", "a.b", "é", "a\u0301", "a" * 129, "a\n", "\u0130", "ａ",
    "a/b", "../a", '"a"', "a;drop", "a\x00", "_\u200b",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_an_invalid_name_is_refused_everywhere(lake: Lake, name: str) -> None:
    encoded = quote(name, safe="")
    with nothing_changes(lake):
        refused(lake.register(name), 400, "invalid_name")
        refused(lake.ingest(f"name={encoded}"), 400, "invalid_name")
        refused(lake.manifest(encoded), 400, "invalid_name")
        refused(lake.drop(encoded), 400, "invalid_name")
        refused(lake.ask("GET", f"/v1/catalog/history/{encoded}"), 400, "invalid_name")


@pytest.mark.parametrize("name", ["%FF", "a/b", "a%2Fb", "."])
def test_a_name_in_a_path_that_cannot_be_one(lake: Lake, name: str) -> None:
    refused(lake.manifest(name), 400, "invalid_name")


def test_an_empty_name_in_a_path(lake: Lake) -> None:
    refused(lake.manifest(""), 400, "empty_name")
    refused(lake.drop(""), 400, "empty_name")


@pytest.mark.parametrize("name", ["_", "A", "select", "_9", "a" * 128])
def test_the_other_names_are_taken(lake: Lake, name: str) -> None:
    assert lake.register(name).json["name"] == name
    assert lake.drop(name).status == 200


@pytest.mark.parametrize("fingerprint", [" ", "a b", "é", "x" * 257, "a\n", "\x7f"], ids=repr)
def test_a_fingerprint_is_visible_ascii(lake: Lake, fresh: Fresh, fingerprint: str) -> None:
    with nothing_changes(lake):
        refused(lake.register(fresh(), fingerprint=fingerprint), 400, "invalid_request")
    assert lake.register(fresh(), fingerprint="!" + "~" * 255).status == 200


def test_a_key_that_is_listed_twice_is_refused(lake: Lake, fresh: Fresh) -> None:
    key = fresh()
    lake.put(key)
    with nothing_changes(lake):
        refused(lake.register(fresh(), key, key), 400, "invalid_request")


def test_dropping_tells_what_was_dropped(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    made = lake.register(name).json
    answer = lake.drop(name)
    assert answer.status == 200
    assert answer.json == {
        "name": name,
        "dataset_id": made["dataset_id"],
        "seq": made["seq"] + 1,
    }
    assert answer.seq == lake.head()
    with nothing_changes(lake):
        refused(lake.drop(name), 404, "dataset_not_found")
        refused(lake.manifest(name), 404, "dataset_not_found")
    assert lake.manifest(f"{name}?as_of={made['seq']}").json == made


def test_a_manifest_is_found_in_any_spelling(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    made = lake.register(name).json
    assert lake.manifest(name.upper()).json == made


def test_a_dataset_may_be_registered_over_ingested_parquet(lake: Lake, fresh: Fresh) -> None:
    source, copy = fresh(), fresh()
    made = lake.ingest(f"name={source}", b"a,b\n1,x\n2,y\n").json
    key = made["objects"][0]["key"]
    assert lake.register(copy, key).status == 200
    lake.drop(source)
    assert lake.sql(f"SELECT count(*) AS n FROM {copy}").json["rows"] == [[2]]
    assert lake.get(key).status == 200
