"""The one shape of every refusal, on every route; and the page that documents the codes."""

import re
from pathlib import Path

import pytest
from lake_server import Lake
from refusals import nothing_changes, refused

from lakehouse.domain.errors import CODES
from lakehouse.web.error_table import PAGE, page
from lakehouse.web.routes import ROUTES

METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"]
ELSEWHERE = {
    "usage": "the command line's",
    "engine_error": "test_cli_engines.py",
    "engine_unavailable": "test_cli_engines.py",
    "cannot_listen": "said before HTTP begins",
    "store_unfit": "said before HTTP begins",
    "cache_differs": "the command line's",
    "server_unreachable": "test_cli_remote.py",
    "lake_not_found": "the command line's",
    "already_initialised": "the command line's",
    "bucket_not_found": "test_cli_s3.py",
    "stale_form": "tests/console",
    "namespace_not_found": "test_iceberg_http.py, in Iceberg's form",
    "table_unreadable": "test_iceberg_http.py, in Iceberg's form",
    "unsupported_operation": "test_iceberg_http.py, in Iceberg's form",
}


def target(path: str) -> str:
    return path.replace("{key}", "some/key").replace("{name}", "some_name")


def offered_on(path: str) -> set[str]:
    methods = {route.method for route in ROUTES if route.path == path}
    return methods | {"HEAD"} if "GET" in methods else methods


PATHS = sorted({route.path for route in ROUTES})


@pytest.mark.parametrize(
    ("method", "path"),
    [(method, path) for path in PATHS for method in METHODS if method not in offered_on(path)],
)
def test_a_method_that_a_route_has_not_gets_405_and_what_it_has(
    lake: Lake, path: str, method: str
) -> None:
    with nothing_changes(lake):
        answer = lake.ask(method, target(path))
    assert answer.status == 405
    assert set(answer.headers["Allow"].split(", ")) == offered_on(path)
    if path.startswith("/iceberg/"):
        assert answer.json["error"]["code"] == 405
    elif method != "HEAD":
        refused(answer, 405, "method_not_allowed")


@pytest.mark.parametrize(
    "path",
    [
        "/", "/v1", "/v1/", "/v2/sql", "/health/", "/Health", "/v1/storage", "/v1/storage/put",
        "/v1/storage/list/", "/v1/catalog/manifest", "/v1/sql/", "/v1/ingest/x", "/favicon.ico",
        "/v1/journal", "/..", "/%00", "/%C3%A9",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", METHODS)
def test_no_route_is_404_in_the_same_shape(lake: Lake, path: str, method: str) -> None:
    answer = lake.ask(method, path)
    assert answer.status == 404
    if method != "HEAD":
        refused(answer, 404, "not_found")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_tells_a_foreign_host_in_the_same_shape(lake: Lake, route: object) -> None:
    answer = lake.ask(route.method, target(route.path), headers={"Host": "evil.example"})
    if route.path.startswith("/iceberg/"):
        assert (answer.status, answer.json["error"]["code"]) == (403, 403)
    else:
        refused(answer, 403, "foreign_host")


@pytest.mark.parametrize("given", ["a", "A.b_c-9", "x" * 128])
def test_a_clients_own_request_id_is_echoed(lake: Lake, given: str) -> None:
    for path in ("/health", "/nowhere", "/v1/storage/get/a//b"):
        answer = lake.ask("GET", path, headers={"X-Request-Id": given})
        assert answer.headers["X-Request-Id"] == given
    assert answer.json["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "é", "<script>", "a,b", "a\tb", "a/b"])
def test_any_other_request_id_is_not_echoed(lake: Lake, given: str) -> None:
    seen = set()
    for _ in range(2):
        answer = lake.ask("GET", "/nowhere", headers={"X-Request-Id": given})
        seen.add(answer.headers["X-Request-Id"])
        assert given == "" or given not in answer.body.decode()
    assert len(seen) == 2, "each request has one of its own"


@pytest.mark.parametrize(
    "header", ["Idempotency-Key", "X-Actor", "X-Change-Reason", "X-Min-Seq", "Last-Event-ID"]
)
def test_a_header_of_one_value_that_comes_twice_is_refused(lake: Lake, header: str) -> None:
    listens = header == "Last-Event-ID"
    asked = ("GET", "/v1/journal/stream") if listens else ("PUT", "/v1/storage/put/a", b"x")
    with nothing_changes(lake):
        answer = lake.ask(*asked, headers=[(header, "1"), (header, "2")])
    refused(answer, 400, "invalid_request")


def test_every_answer_says_nosniff_and_names_no_library(lake: Lake) -> None:
    for method, path in (("GET", "/health"), ("GET", "/none"), ("HEAD", "/health"), ("PUT", "/")):
        answer = lake.ask(method, path)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Server"] == "lakehouse"


@pytest.mark.parametrize("code", CODES)
def test_codes_are_snake_case_and_told_in_words(code: str) -> None:
    row = CODES[code]
    assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", code)
    assert 400 <= row.status < 600
    assert row.title[0].isupper()
    assert row.hint.endswith(".")
    assert row.exit in (1, 2, 3, 4)


def test_the_page_is_what_the_table_says() -> None:
    assert PAGE.read_text() == page(), "run python -m lakehouse.web.error_table"
    for code in CODES:
        assert f"| `{code}` |" in PAGE.read_text()


def test_every_code_is_reached_by_a_test_in_this_folder() -> None:
    source = "".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py"))
    reached = set(re.findall(r'\b[45]\d\d,\s*"([a-z_]+)"', source))
    assert CODES.keys() - reached == ELSEWHERE.keys()
