"""What a request asks for is never ignored: misspelled parameters, dry runs and profiles are refused."""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from lake_server import Lake, running_lake
from principals import closed
from raw_http import Answer
from refusals import nothing_changes, refused

from lakehouse.console.table import CONSOLE_PAGES
from lakehouse.web.route import Route
from lakehouse.web.routes import ROUTES

Fresh = Callable[[], str]
STRICT = [each for each in ROUTES if each.path.startswith(("/v1/", "/mcp"))]


def ask(lake: Lake, route: Route, query: str) -> Answer:
    path = re.sub(r"\{\w+\}", lambda _: route.path_example, route.path)
    return lake.ask(route.method, f"{path}?{query}")


@pytest.mark.parametrize("route", STRICT, ids=lambda route: f"{route.method} {route.path}")
def test_each_route_refuses_a_parameter_that_it_does_not_have(lake: Lake, route: Route) -> None:
    with nothing_changes(lake):
        answer = refused(ask(lake, route, "asof=1&%1B=2"), 400, "invalid_request")
    known = sorted(each.encode_name for each in msgspec.structs.fields(route.query))
    offered = f"known are {', '.join(known)}" if known else "the route has none"
    assert answer.json["detail"] == f"unknown parameter: \x1b, asof; {offered}"


def test_a_change_is_not_made_with_a_misspelled_parameter(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    with nothing_changes(lake):
        for method, path, body in (
            ("POST", f"/v1/ingest?name={name}&Mode=append", b"a\n2\n"),
            ("PUT", "/v1/storage/put/k?if-none-match=*", b"x"),
            ("DELETE", f"/v1/catalog/manifest/{name}?profile=x", None),
            ("POST", "/v1/catalog/rename?reason=x", {"name": name, "to": fresh()}),
            ("POST", "/v1/catalog/transaction?idempotency_key=x", {"changes": []}),
        ):
            refused(lake.ask(method, path, body), 400, "invalid_request")


def test_paths_that_other_programs_call_ignore_them(lake: Lake) -> None:
    pages = [each.path for each in CONSOLE_PAGES if each.method == "GET" and each.path[-1] != "}"]
    others = ["/iceberg/v1/config", "/health", "/ready", "/metrics", "/openapi.json", *pages]
    for path in others:
        plain, more = lake.ask("GET", path), lake.ask("GET", f"{path}?utm_source=mail&asof=1")
        assert more.status == plain.status, path


def test_a_caller_without_a_token_learns_no_parameters(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket", queries=False) as lake:
        closed(lake)
        for method, path in (("GET", "/v1/sql"), ("POST", "/v1/gc"), ("POST", "/mcp")):
            refused(lake.ask(method, f"{path}?asof=1"), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/v1/catalog/manifest/{name}?asof=1", "as_of"),
        ("/v1/catalog/list?as-of=1", "as_of"),
        ("/v1/catalog/history/{name}?as_of=1", "limit"),
        ("/v1/storage/get/k?asOf=1", "as_of"),
        ("/v1/sql?q=FROM+{name}&AS_OF=1", "as_of"),
        ("/v1/journal/head?as_of=1", "the route has none"),
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


@pytest.mark.parametrize("member", [{"dry_run": True}, {"dryRun": True}, {"dryRun": False}])
@pytest.mark.parametrize("place", ["body", "change"])
def test_a_change_set_with_a_dry_run_changes_nothing(
    lake: Lake, fresh: Fresh, place: str, member: dict[str, bool]
) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    drop, body = {"op": "drop", "name": name}, dict[str, bool]()
    {"body": body, "change": drop}[place].update(member)
    with nothing_changes(lake):
        answer = lake.ask("POST", "/v1/catalog/transaction", {"changes": [drop], **body})
        refused(answer, 400, "invalid_request")


def test_a_change_set_may_say_that_it_is_no_dry_run(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    change = {"op": "drop", "name": name, "dry_run": False}
    body = {"changes": [change], "dry_run": False}
    assert lake.ask("POST", "/v1/catalog/transaction", body).status == 200


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
