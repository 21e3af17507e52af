"""What is typed outlasts the end of the session and a lost connection; then the form is sent."""

from collections.abc import Iterator
from contextlib import contextmanager

from console_browser import Chromium, Visitor, tab, visiting
from lake_server import Lake
from playwright.sync_api import Page, expect
from principals import principal


@contextmanager
def signed_in(browser: Chromium, lake: Lake, token: str, path: str) -> Iterator[Visitor]:
    with visiting(browser, lake) as visitor:
        visitor.open(path)
        sign_in(visitor.page, token)
        yield visitor


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign in")).to_have_count(0)


def test_a_session_that_ends_while_one_types_loses_nothing(browser: Chromium, shut: Lake) -> None:
    name = "dora"
    principal(shut, name, {})
    with signed_in(browser, shut, shut.token or "", f"/console/principal/{name}") as visitor:
        page = visitor.page
        page.get_by_label("On", exact=True).fill("sales_*")
        page.get_by_label("write", exact=True).check()
        page.context.clear_cookies()
        page.get_by_role("button", name="Grant", exact=True).click()
        note = page.get_by_role("alert")
        expect(note).to_contain_text("The session has ended. Nothing was sent.")
        expect(note).to_be_focused()
        expect(page.get_by_label("On", exact=True)).to_have_value("sales_*")
        visitor.check_accessible()
        with page.expect_popup() as opened:
            note.get_by_role("link").click()
        sign_in(opened.value, shut.token or "")
        page.get_by_role("button", name="Grant", exact=True).click()
        expect(page.get_by_role("rowheader", name="sales_*")).to_be_visible()
        visitor.check()
    [grant] = shut.ask("GET", f"/v1/access/grants?principal={name}").json["grants"]
    assert grant["can"] == ["read", "write"]


def test_a_form_of_another_principal_is_not_sent(browser: Chromium, shut: Lake) -> None:
    other = principal(shut, "eli", {}, admin=True)
    with signed_in(browser, shut, shut.token or "", "/console/principal/eli") as visitor:
        page = visitor.page
        page.get_by_label("On", exact=True).fill("sales_*")
        page.context.clear_cookies()
        with tab(page.context, shut) as second:
            second.open("/console/datasets")
            sign_in(second.page, other.token or "")
        page.get_by_role("button", name="Grant", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("You are signed in as eli now")
    assert shut.ask("GET", "/v1/access/grants?principal=eli").json["grants"] == []


def test_a_lost_connection_loses_nothing(browser: Chromium, lake: Lake) -> None:
    with visiting(browser, lake) as visitor:
        page = visitor.page
        visitor.open("/console/restore?name=sales&to=1")
        page.get_by_label("Reason").fill("a wrong load")
        page.route("**/*", lambda route: route.abort())
        page.get_by_role("button", name="Restore").click()
        expect(page.get_by_text("Nothing was sent.")).to_be_visible()
        expect(page.get_by_label("Reason")).to_have_value("a wrong load")
        page.unroute("**/*")
        page.get_by_label("Reason").press("Enter")
        expect(page.get_by_text("Done in event")).to_be_visible()
        expect(page.get_by_text("“a wrong load”")).to_be_visible()


def test_the_button_that_was_pressed_is_sent(browser: Chromium, lake: Lake) -> None:
    assert (
        lake.ingest("name=set_aside&on_error=quarantine&types=n%3Aint64", "n\n1\nx\n").status == 200
    )
    with visiting(browser, lake) as visitor:
        page = visitor.page
        visitor.open("/console/dataset/set_aside?tab=quarantine")
        page.get_by_label("Corrected rows").fill("n\n2\n")
        page.get_by_role("button", name="Check").click()
        expect(page.get_by_text("1 row fits")).to_be_visible()
        visitor.check()
    assert lake.manifest("set_aside").json["row_count"] == 1
