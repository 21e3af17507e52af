"""Who may do what, managed in the browser by an admin; what others see of it."""

import re
from collections.abc import Iterator

import pytest
from console_browser import NARROW, Chromium, Visitor, visiting
from console_client import Browsing, proof_in
from lake_server import Lake, running_lake
from playwright.sync_api import expect
from principals import closed, principal
from raw_http import Client

_OUTSIDE_A_PANEL = """() => [...document.querySelectorAll(".panel :is(input, select, button)")]
  .filter((each) => each.getBoundingClientRect().right > each.closest(".panel").getBoundingClientRect().right)
  .map((each) => each.name)"""


@pytest.fixture(scope="module")
def shut(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake with access control; the client is an admin's."""
    with running_lake(tmp_path_factory.mktemp("shut") / "bucket") as lake:
        lake.token = closed(lake)
        for name in ("sales", "salaries"):
            assert lake.ingest(f"name={name}").status == 200
        yield lake


def sign_in(visitor: Visitor, token: str | None) -> None:
    visitor.open("/console/sign-in")
    visitor.page.get_by_label("Token").fill(token or "")
    visitor.page.get_by_role("button", name="Sign in").click()
    visitor.page.wait_for_url("**/console/datasets")


def test_an_admin_makes_a_principal_grants_and_issues_a_token_once(
    browser: Chromium, shut: Lake
) -> None:
    with visiting(browser, shut, color_scheme="dark") as visitor:
        sign_in(visitor, shut.token)
        page = visitor.page
        page.get_by_role("link", name="Access").click()
        visitor.check_accessible()
        page.get_by_label("Name", exact=True).fill("bo")
        page.get_by_role("button", name="Create").click()
        page.wait_for_url("**/console/principal/bo")
        page.get_by_label("On", exact=True).fill("sales")
        page.get_by_role("button", name="Grant").click()
        expect(page.get_by_role("region", name="Grants")).to_contain_text("sales")
        page.get_by_role("button", name="Issue a token").click()
        shown = page.get_by_role("region", name="Token")
        token = shown.inner_text().strip()
        assert shown.evaluate("each => each.scrollWidth - each.clientWidth") == 0, "all is seen"
        visitor.check_accessible()
        page.evaluate("() => Object.defineProperty(navigator, 'clipboard', { value: undefined })")
        page.get_by_role("button", name="Copy the token").click()
        assert page.evaluate("() => getSelection().toString().trim()") == token
        page.get_by_role("link", name="Done").click()
        visitor.check_accessible()
        assert token.split("_")[2] not in page.content()
        bo = Client(shut.port, token)
        assert bo.ask("GET", "/v1/catalog/manifest/sales").status == 200
        assert bo.ask("GET", "/v1/catalog/manifest/salaries").status == 404
        page.get_by_role("button", name=re.compile("Revoke")).click()
        expect(page.get_by_text("No tokens.")).to_be_visible()
        assert bo.ask("GET", "/v1/access/me").status == 401
        page.get_by_role("button", name="Remove the grant on sales").click()
        expect(page.get_by_text("No grants.")).to_be_visible()
        page.get_by_role("button", name="Drop bo").click()
        page.wait_for_url("**/console/access")
        expect(page.get_by_role("link", name="bo", exact=True)).to_have_count(0)
        visitor.check()


def test_the_pages_of_a_closed_lake_fit_a_phone(browser: Chromium, shut: Lake) -> None:
    principal(
        shut, "someone-with-a-long-name@example.com", {"sales_of_the_last_quarter_*": ["read"]}
    )
    assert shut.ask("DELETE", "/v1/catalog/manifest/nothing").status == 404
    with visiting(browser, shut, viewport={"width": NARROW, "height": 740}) as visitor:
        sign_in(visitor, shut.token)
        for path in ("access", "principal/someone-with-a-long-name@example.com", "audit"):
            assert visitor.open(f"/console/{path}") == 200
            visitor.check_accessible()
            visitor.check_fits()
            visitor.check_nothing_overlaps()
            assert visitor.page.evaluate(_OUTSIDE_A_PANEL) == []


def test_a_form_that_is_sent_twice_shows_no_second_token(shut: Lake) -> None:
    browsing = Browsing(shut.port)
    browsing.sign_in(shut.token or "")
    proof = proof_in(browsing.get("/console/access"))
    fields = {"principal": "ana", "idempotency_key": "twice", "expires_in": "1h", "note": ""}
    first = browsing.post("/console/access/issue", fields, proof)
    again = browsing.post("/console/access/issue", fields, proof)
    assert (first.status, again.status) == (200, 200)
    assert b"lh_" in first.body
    assert b"lh_" not in again.body and b"was already sent" in again.body


def test_a_reader_sees_only_itself_and_changes_nothing(shut: Lake) -> None:
    reader = principal(shut, "reader", {"sales": ["read"]})
    browsing = Browsing(shut.port)
    browsing.sign_in(reader.token or "")
    shown = browsing.get("/console/access")
    assert shown.status == 200
    assert b"<strong>reader</strong>" in shown.body and b"<code>sales</code>" in shown.body
    for hidden in (b"ana", b"/console/audit", b"/console/principal/", b"/console/access/put"):
        assert hidden not in shown.body, hidden
    proof = proof_in(shown)
    for path, fields in {
        "put": {"name": "eve", "kind": "user", "admin": "true"},
        "drop": {"name": "ana"},
        "grant": {"principal": "reader", "on": "*", "read": "true"},
        "ungrant": {"principal": "reader", "on": "sales"},
        "issue": {"principal": "ana"},
    }.items():
        assert browsing.post(f"/console/access/{path}", fields, proof).status == 403, path
    own = browsing.post("/console/access/issue", {"principal": "reader"}, proof)
    assert own.status == 200 and b"lh_" in own.body
    ids = shut.ask("GET", "/v1/access/tokens").json["tokens"]
    other = next(each["id"] for each in ids if each["principal"] == "ana")
    assert browsing.post("/console/access/revoke", {"id": other}, proof).status == 404


def test_a_limit_of_a_principal_stays_when_it_is_changed_here(shut: Lake) -> None:
    limited = {"kind": "user", "limits": {"queries": 3}}
    assert shut.ask("PUT", "/v1/access/principals/limited", limited).status == 200
    browsing = Browsing(shut.port)
    browsing.sign_in(shut.token or "")
    proof = proof_in(browsing.get("/console/principal/limited"))
    fields = {"name": "limited", "exists": "true", "kind": "service"}
    assert browsing.post("/console/access/put", fields, proof).status == 303
    found = shut.ask("GET", "/v1/access/principals/limited").json
    assert (found["kind"], found["limits"]["queries"]) == ("service", 3)


def test_refusals_are_in_the_audit(shut: Lake) -> None:
    browsing = Browsing(shut.port)
    browsing.sign_in(shut.token or "")
    shown = browsing.get("/console/audit")
    assert shown.status == 200 and b"<h1>Audit</h1>" in shown.body
