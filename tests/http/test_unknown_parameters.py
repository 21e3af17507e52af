"""What a request asks for is never ignored: misspelled parameters, dry runs and profiles are refused."""

from collections.abc import Callable

import pytest
from lake_server import Lake
from refusals import nothing_changes, refused

Fresh = Callable[[], str]


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/v1/catalog/manifest/{name}?asof=1", "as_of"),
        ("/v1/catalog/list?as-of=1", "as_of"),
        ("/v1/catalog/history/{name}?as_of=1", "limit"),
        ("/v1/storage/get/k?asOf=1", "as_of"),
        ("/v1/sql?q=FROM+{name}&AS_OF=1", "as_of"),
        ("/v1/journal/head?as_of=1", "there are none here"),
        ("/v1/queries?principal=ann", "after"),
    ],
)
def test_a_read_refuses_a_parameter_that_it_does_not_have(
    lake: Lake, fresh: Fresh, path: str, known: str
) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    answer = lake.ask("GET", path.format(name=name))
    refused(answer, 400, "invalid_request")
    assert "unknown parameter" in answer.json["detail"]
    assert known in answer.json["detail"]


@pytest.mark.parametrize("member", ["dryRun", "dry-run", "DRYRUN", "dry run"])
def test_a_misspelled_dry_run_changes_nothing(lake: Lake, fresh: Fresh, member: str) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    with nothing_changes(lake):
        for path, more in (("delete", {}), ("update", {"set": {"a": "2"}})):
            body = {"name": name, "where": "a = 1", member: True, **more}
            answer = lake.ask("POST", f"/v1/catalog/{path}", body)
            refused(answer, 400, "invalid_request")
            assert f"the member is dry_run, not {member}" in answer.json["detail"]


def test_a_column_may_have_the_name_of_a_dry_run(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"dryRun,dry_run\n1,1\n")
    body = {"name": name, "where": '"dryRun" = 1', "set": {"dryRun": "2", "dry_run": "2"}}
    answer = lake.ask("POST", "/v1/catalog/update", body)
    assert (answer.status, answer.json["rows_updated"]) == (200, 1)


def test_an_empty_profile_is_none(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    statement = {"sql": f"FROM {name}"}
    for answer in (
        lake.ask("GET", f"/v1/catalog/manifest/{name}?profile="),
        lake.ask("GET", "/v1/catalog/list?profile="),
        lake.ask("GET", "/v1/sql?q=SELECT+1&profile="),
        lake.ask("POST", "/v1/sql", statement | {"profile": ""}),
        lake.ask("POST", "/v1/sql", statement, {"X-Profile": ""}),
    ):
        refused(answer, 400, "invalid_request")
        assert "the profile's name is empty" in answer.json["detail"]
