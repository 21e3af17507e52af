"""Datasets of many objects: short receipts, and manifests page by page."""

import pytest
from lake_server import Lake

CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def appended(lake: Lake) -> list[str]:
    """The key that each of five appends reports as its own."""
    lake.ingest("name=many", b"a\n0\n", CSV)
    receipts = [lake.ingest("name=many&mode=append", b"a\n%d\n" % n, CSV) for n in range(1, 5)]
    keys = []
    for receipt in receipts:
        assert receipt.json["row_count"] == len(keys) + 2
        ((key, rows),) = [(each["key"], each["row_count"]) for each in receipt.json["objects"]]
        assert rows == 1
        keys.append(key)
    return keys


def test_a_receipt_lists_what_its_file_became_alone(lake: Lake, appended: list[str]) -> None:
    manifest = lake.manifest("many").json
    assert [each["key"] for each in manifest["objects"]][1:] == appended
    assert "next" not in manifest


def test_a_reused_file_reports_the_objects_that_it_became(lake: Lake, appended: list[str]) -> None:
    again = lake.ingest("name=many&mode=append&dedupe=source", b"a\n3\n", CSV).json
    assert again["reused"] and [each["key"] for each in again["objects"]] == [appended[2]]


def test_a_manifest_is_read_page_by_page(lake: Lake, appended: list[str]) -> None:
    found, after = [], 0
    while after is not None:
        page = lake.ask("GET", f"/v1/catalog/manifest/many?limit=2&after={after}").json
        assert page["row_count"] == 5 and len(page["objects"]) <= 2
        found += [each["key"] for each in page["objects"]]
        after = page["next"]
    assert found == [each["key"] for each in lake.manifest("many").json["objects"]]
    for wrong in ("limit=0", "limit=10001", "after=-1", "limit=x"):
        answer = lake.ask("GET", f"/v1/catalog/manifest/many?{wrong}")
        assert (answer.status, answer.json["code"]) == (400, "invalid_request")
