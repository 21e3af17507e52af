"""Behind a proxy, under other host names, and for pages of allowed origins."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lake_server import Lake, running_lake
from refusals import refused
from server_environment import without_settings
from structlog.testing import LogCapture

PUBLIC = "https://lake.example"
APP = "https://app.example"
HTTPS = {"X-Forwarded-Proto": "https"}


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A server whose proxies are on this machine."""
    bucket = tmp_path_factory.mktemp("proxied") / "bucket"
    with running_lake(
        bucket,
        queries=False,
        behind_proxy=("127.0.0.0/8",),
        public_url=PUBLIC,
        allowed_hosts=("Other.example", "exact.example:8443"),
        allowed_origins=(APP,),
    ) as server:
        yield server


@pytest.mark.parametrize(
    "host",
    ["lake.example", "LAKE.example:443", "other.example", "other.example:1", "exact.example:8443"],
)
def test_named_hosts_are_ours(proxied: Lake, host: str) -> None:
    assert proxied.ask("GET", "/health", headers={"Host": host, **HTTPS}).status == 200


@pytest.mark.parametrize(
    "host", ["exact.example", "exact.example:1", "x.lake.example", "lake.exampl"]
)
def test_other_hosts_stay_foreign(proxied: Lake, host: str) -> None:
    refused(proxied.ask("GET", "/health", headers={"Host": host}), 403, "foreign_host")
    forwarded = {"Host": host, "X-Forwarded-Host": "lake.example", **HTTPS}
    refused(proxied.ask("GET", "/health", headers=forwarded), 403, "foreign_host")


def test_a_request_that_reached_the_proxy_in_plain_text_is_refused(proxied: Lake) -> None:
    answer = proxied.ask("GET", "/v1/catalog/list", headers={"X-Forwarded-Proto": "http"})
    refused(answer, 403, "tls_required")
    twice = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "http")]
    refused(proxied.ask("GET", "/v1/catalog/list", headers=twice), 403, "tls_required")


@pytest.mark.parametrize("origin", [PUBLIC, "https://other.example"])
def test_pages_of_the_public_site_may_ask(proxied: Lake, origin: str) -> None:
    headers = {"Host": "other.example", "Origin": origin, **HTTPS}
    assert proxied.put("own", b"x", headers).status == 200


@pytest.mark.parametrize("origin", ["http://lake.example", "https://lake.example:1", "null"])
def test_other_schemes_and_ports_are_other_sites(proxied: Lake, origin: str) -> None:
    headers = {"Host": "lake.example", "Origin": origin, **HTTPS}
    refused(proxied.put("other", b"x", headers), 403, "foreign_origin")


def test_the_log_names_the_client_and_not_what_it_claims(proxied: Lake, logged: LogCapture) -> None:
    for forwarded in (["203.0.113.7"], ["127.0.0.9, 198.51.100.1", "203.0.113.7"]):
        headers = [("X-Forwarded-For", each) for each in forwarded]
        assert proxied.ask("GET", "/health", headers=headers).status == 200
    clients = [entry["client"] for entry in logged.entries if entry["event"] == "request"]
    assert clients == ["203.0.113.7", "203.0.113.7"]


def test_without_the_setting_no_forwarded_header_counts(lake: Lake, logged: LogCapture) -> None:
    headers = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    assert lake.ask("GET", "/health", headers=headers).status == 200
    claimed = headers | {"Origin": f"https://{lake.host}"}
    refused(lake.ask("GET", "/health", headers=claimed), 403, "foreign_origin")
    clients = {entry["client"] for entry in logged.entries if entry["event"] == "request"}
    assert clients == {"127.0.0.1"}


def test_a_page_of_an_allowed_origin_may_send_and_read(proxied: Lake) -> None:
    page = {"Origin": APP, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    asked = page | {"Access-Control-Request-Method": "PUT"}
    preflight = proxied.ask("OPTIONS", "/v1/storage/put/a", headers=asked)
    assert (preflight.status, preflight.body) == (204, b"")
    assert "PUT" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    answers = [preflight, proxied.put("by-app", b"x", page), proxied.get("absent", page)]
    assert [answer.status for answer in answers] == [204, 200, 404]
    for answer in answers:
        assert answer.headers["Access-Control-Allow-Origin"] == APP
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
    plain = proxied.ask("GET", "/v1/catalog/list")
    assert "Access-Control-Allow-Origin" not in plain.headers


def test_an_allowed_origin_beside_another_is_refused(proxied: Lake) -> None:
    pairs = [("Host", "lake.example"), ("Origin", APP), ("Origin", "https://evil.example")]
    answer = proxied.raw(proxied.request("GET", "/health", headers=pairs))
    assert b'"foreign_origin"' in answer or b" 400 " in answer.split(b"\r\n")[0]


def test_a_server_for_all_addresses_refuses_a_lake_without_principals(tmp_path: Path) -> None:
    environ = {
        "LAKEHOUSE_BEHIND_PROXY": "10.0.0.0/8",
        "LAKEHOUSE_PUBLIC_URL": PUBLIC,
        "LAKEHOUSE_QUERY_WORKERS": "1",
    }
    command = [sys.executable, "-m", "lakehouse", "serve", "--host", "0.0.0.0", "--port", "0"]
    done = subprocess.run(
        [*command, "--bucket", str(tmp_path / "bucket")],
        capture_output=True,
        text=True,
        check=False,
        env=without_settings() | environ,
        timeout=120,
    )
    assert done.returncode == 2
    assert "host '0.0.0.0': the lake has no principal" in done.stderr
