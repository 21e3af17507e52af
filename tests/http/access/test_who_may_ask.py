"""Host, Origin, Sec-Fetch-Site: this machine's programs may ask, pages of other sites may not."""

import pytest
from lake_server import Lake
from refusals import nothing_changes, refused

ROUTES = [("GET", "/health"), ("PUT", "/v1/storage/put/a"), ("POST", "/v1/sql"), ("GET", "/none")]


@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost", "localhost:1", "127.0.0.1", "127.0.0.1:65535", "[::1]", "[::1]:80"],
)
def test_these_hosts_are_this_machine(lake: Lake, host: str) -> None:
    assert lake.ask("GET", "/health", headers={"Host": host}).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.example", "localhost.evil.example", "evil.localhost", "localhost.", "localhost:",
        "127.0.0.1.evil.example", "127.0.0.2", "127.1", "0.0.0.0", "2130706433", "0x7f.0.0.1",
        "::1", "[::]", "[::ffff:127.0.0.1]", "localhost@evil.example", "evil.example#localhost",
        "localhost:80:80", "localhost:x", "localhost/", "a localhost", "localhost,evil.example",
    ],
)  # fmt: skip
@pytest.mark.parametrize(("method", "target"), ROUTES)
def test_any_other_host_is_foreign(lake: Lake, host: str, method: str, target: str) -> None:
    with nothing_changes(lake):
        answer = lake.raw(lake.request(method, target, b"{}", {"Host": host}))
    status = answer.split(b"\r\n")[0]
    if b" 400 " not in status:  # the parser may find it no host at all
        assert b" 403 " in status
        assert b'"foreign_host"' in answer


def test_no_host_at_all_is_foreign(lake: Lake) -> None:
    answer = lake.raw(b"GET /health HTTP/1.0\r\n\r\n")
    assert b'"foreign_host"' in answer
    assert b" 400 " in lake.raw(b"GET /health HTTP/1.1\r\n\r\n").split(b"\r\n")[0]


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example/health", "https://evil.example:3110/health", "HTTP://evil/health",
        "http://localhost@evil.example/health", "http://localhost.evil.example/health",
        "http:///health", "http://evil.example",
    ],
)  # fmt: skip
def test_a_target_in_absolute_form_names_a_host_too(lake: Lake, target: str) -> None:
    answer = lake.raw(lake.request("GET", target))
    assert b'"foreign_host"' in answer or b" 400 " in answer.split(b"\r\n")[0]
    assert b'"status":"ok"' not in answer


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:3110", "[::1]:8"])
def test_a_page_of_this_very_site_may_ask(lake: Lake, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert lake.ask("GET", "/health", headers=headers).status == 200
    assert lake.put("own", b"x", headers | {"Sec-Fetch-Site": "same-origin"}).status == 200


@pytest.mark.parametrize(
    "origin",
    [
        "null", "", "http://evil.example", "https://localhost", "http://localhost:1",
        "http://localhost/", "http://127.0.0.1", "localhost", "http://localhost.evil.example",
        "file://", "http://user@localhost", "http://localhost, http://evil.example",
    ],
)  # fmt: skip
@pytest.mark.parametrize(("method", "target"), ROUTES)
def test_any_other_origin_is_foreign(lake: Lake, origin: str, method: str, target: str) -> None:
    headers = {"Host": "localhost", "Origin": origin}
    with nothing_changes(lake):
        refused(lake.ask(method, target, b"{}", headers), 403, "foreign_origin")


def test_a_second_origin_is_not_passed_over(lake: Lake) -> None:
    pairs = [("Host", "localhost"), ("Origin", "http://localhost"), ("Origin", "http://evil")]
    answer = lake.raw(lake.request("GET", "/health", headers=pairs))
    assert b'"foreign_origin"' in answer or b" 400 " in answer.split(b"\r\n")[0]


@pytest.mark.parametrize("site", ["cross-site", "Cross-Site"])
def test_a_cross_site_change_is_refused_even_without_an_origin(lake: Lake, site: str) -> None:
    headers = {"Sec-Fetch-Site": site}
    lake.register("kept")
    with nothing_changes(lake):
        for answer in (
            lake.put("a", b"x", headers),
            lake.delete("a", headers),
            lake.register("r", headers=headers),
            lake.drop("kept", headers),
            lake.ingest("name=i", b"a\n1\n", headers | {"Content-Type": "text/csv"}),
            lake.sql("SELECT 1 AS x", headers),
            lake.ask("OPTIONS", "/v1/storage/put/a", headers=headers),
        ):
            refused(answer, 403, "foreign_origin")
    for path in ("/health", "/ready", "/metrics", "/openapi.json"):
        for fetch in ({}, {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}):
            assert lake.ask("GET", path, headers=headers | fetch).status == 200, path


READS = ["/v1/catalog/list", "/v1/storage/list", "/v1/journal/head", "/v1/journal/events/stream"]
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("target", [*READS, "http://localhost/v1/catalog/list"])
@pytest.mark.parametrize(
    "fetch",
    [
        {},
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Mode": "navigate"},
    ],
    ids=str,
)
def test_a_page_of_another_site_reads_nothing(
    lake: Lake, method: str, target: str, fetch: dict[str, str]
) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Host": "localhost", **fetch}
    answer = lake.ask(method, target, headers=headers)
    assert answer.status == 403
    assert method == "HEAD" or answer.json["code"] == "foreign_origin"


def test_a_link_of_another_site_may_be_followed_by_get_alone(lake: Lake) -> None:
    assert lake.ask("GET", "/v1/catalog/list", headers=LINK).status == 200
    assert lake.ask("HEAD", "/v1/catalog/list", headers=LINK).status == 403
    twice = [*LINK.items(), ("Sec-Fetch-Mode", "cors")]
    assert lake.ask("GET", "/v1/catalog/list", headers=twice).status == 403


def test_every_answer_keeps_to_its_own_site(lake: Lake) -> None:
    sent = [("GET", "/health"), ("GET", "/v1/catalog/list"), ("GET", "/none"), ("PUT", "/health")]
    answers = [lake.ask(method, target) for method, target in sent]
    answers.append(lake.ask("GET", "/v1/catalog/list", headers={"Host": "evil.example"}))
    for answer in answers:
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin", answer
    assert b"cross-origin-resource-policy: same-origin" in lake.raw(b"no\r\n\r\n").lower()


def test_a_second_line_does_not_hide_a_cross_site_change(lake: Lake) -> None:
    headers = [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "cross-site")]
    refused(lake.put("a", b"x", headers), 403, "foreign_origin")


@pytest.mark.parametrize("site", ["same-origin", "same-site", "none"])
def test_other_fetches_pass(lake: Lake, site: str) -> None:
    assert lake.put("passes", site, {"Sec-Fetch-Site": site}).status == 200


def test_no_answer_invites_other_sites(lake: Lake) -> None:
    preflight = {"Origin": "http://evil.example", "Access-Control-Request-Method": "PUT"}
    answer = lake.ask("OPTIONS", "/v1/storage/put/a", headers=preflight)
    refused(answer, 403, "foreign_origin")
    for each in (answer, lake.ask("GET", "/health")):
        assert not [name for name in each.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    ("site", "status"), [("same-origin", 200), ("same-site", 403), ("cross-site", 403), (None, 403)]
)
def test_a_hidden_origin_is_ours_if_the_browser_says_so(
    lake: Lake, site: str | None, status: int
) -> None:
    headers = {"Host": "localhost", "Origin": "null"} | ({"Sec-Fetch-Site": site} if site else {})
    assert lake.put("hidden", b"x", headers).status == status
