"""The catalog's list and a dataset's history: order, pages, ETags, the past."""

from collections.abc import Iterator

import pytest
from lake_server import Lake, running_lake
from refusals import refused

NAMES = ["B", "_x", "a", "alpha", "beta", "zeta"]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake with datasets that only tests of this module read."""
    with running_lake(tmp_path_factory.mktemp("full") / "bucket", queries=False) as server:
        server.put("k")
        for name in reversed(NAMES):
            server.register(name, "k", row_count=1)
        yield server


def test_datasets_come_in_name_order_with_their_manifests(full: Lake) -> None:
    answer = full.ask("GET", "/v1/catalog/list")
    body = answer.json
    assert body.keys() == {"datasets", "seq", "next"}
    assert [each["name"] for each in body["datasets"]] == NAMES
    assert body["next"] is None
    assert body["seq"] == answer.seq == full.head()
    assert body["datasets"][2] == full.manifest("a").json


def test_a_summary_leaves_out_schema_and_objects(full: Lake) -> None:
    [first, *_] = full.ask("GET", "/v1/catalog/list?summary=true").json["datasets"]
    whole = full.manifest("B").json
    assert first == {name: whole[name] for name in whole.keys() - {"schema", "objects"}}


def test_pages_follow_each_other(full: Lake) -> None:
    seen: list[str] = []
    after = ""
    while True:
        page = full.ask("GET", f"/v1/catalog/list?limit=2&after={after}").json
        seen += [each["name"] for each in page["datasets"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == NAMES


def test_a_strong_etag_spares_an_unchanged_list(full: Lake) -> None:
    tag = full.ask("GET", "/v1/catalog/list").headers["ETag"]
    assert tag.startswith('"')
    assert tag.endswith('"')
    again = full.ask("GET", "/v1/catalog/list", headers={"If-None-Match": f'"x", {tag}'})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert again.seq == full.head()
    other = full.ask("GET", "/v1/catalog/list?summary=true", headers={"If-None-Match": tag})
    assert other.status == 200


def test_the_etag_changes_with_the_list(own_lake: Lake) -> None:
    before = own_lake.ask("GET", "/v1/catalog/list").headers["ETag"]
    own_lake.register("new")
    answer = own_lake.ask("GET", "/v1/catalog/list", headers={"If-None-Match": before})
    assert answer.status == 200
    assert answer.headers["ETag"] != before


def test_the_list_as_of_then(full: Lake) -> None:
    answer = full.ask("GET", "/v1/catalog/list?as_of=3")
    assert [each["name"] for each in answer.json["datasets"]] == ["beta", "zeta"]
    assert answer.json["seq"] == answer.seq == 3
    assert full.ask("GET", "/v1/catalog/list?as_of=0").json["datasets"] == []


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=10001", "summary=yes", "summary=", "as_of=x", "summary=true&summary=true"],
)
def test_odd_parameters_are_refused(full: Lake, query: str) -> None:
    refused(full.ask("GET", f"/v1/catalog/list?{query}"), 400, "invalid_request")


def test_history_tells_all_of_a_name_oldest_first(own_lake: Lake) -> None:
    own_lake.put("k", b"1")
    own_lake.register("Tale", "k", headers={"X-Actor": "ann", "X-Change-Reason": "first"})
    own_lake.put("k", b"2")
    own_lake.register("Tale", "k")
    own_lake.drop("tale", {"X-Actor": "bob"})
    own_lake.ingest("name=TALE")
    own_lake.ingest("name=TALE&mode=append", b"a\n2\n")
    own_lake.register("other")
    body = own_lake.ask("GET", "/v1/catalog/history/tALe").json
    assert body.keys() == {"events", "next"}
    assert [(event["seq"], event["type"]) for event in body["events"]] == [
        (2, "dataset_registered"),
        (4, "dataset_registered"),
        (5, "dataset_dropped"),
        (6, "dataset_registered"),
        (7, "dataset_appended"),
    ]
    assert body["next"] is None
    assert (body["events"][0]["actor"], body["events"][0]["reason"]) == ("ann", "first")
    assert body["events"][2]["actor"] == "bob"


def test_history_has_pages(own_lake: Lake) -> None:
    for number in range(5):
        own_lake.put("k", str(number))
        own_lake.register("paged", "k")
    seen, after = [], "0"
    while after is not None:
        page = own_lake.ask("GET", f"/v1/catalog/history/paged?limit=2&after={after}").json
        seen += [event["seq"] for event in page["events"]]
        after = page["next"]
    assert seen == [2, 4, 6, 8, 10]


def test_a_name_that_nothing_ever_had_has_no_history(full: Lake) -> None:
    refused(full.ask("GET", "/v1/catalog/history/nobody"), 404, "dataset_not_found")
    refused(full.ask("GET", "/v1/catalog/history/1"), 400, "invalid_name")
    refused(full.ask("GET", "/v1/catalog/history/a?limit=0"), 400, "invalid_request")
    refused(full.ask("GET", "/v1/catalog/history/a?after=x"), 400, "invalid_request")
