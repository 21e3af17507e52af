"""The SQL page for principals: a session runs statements, sees what it may, and is offered no more."""

from collections.abc import Iterator

import pytest
from console_browser import Chromium, visiting
from lake_server import Lake, running_lake
from playwright.sync_api import Page, expect
from principals import closed, principal
from sql_page import address, cell, done, run, write


@pytest.fixture(scope="module")
def shut(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake with access control and two datasets; the client is an admin's."""
    with running_lake(tmp_path_factory.mktemp("shut") / "bucket") as lake:
        lake.token = closed(lake)
        for name in ("seen", "hidn"):
            assert lake.ingest(f"name={name}", "secret\n1\n").status == 200
        yield lake


def sign_in(page: Page, origin: str, token: str | None) -> None:
    page.goto(f"{origin}/console/sign-in?next=/console/sql")
    page.locator("input[name=token]").fill(token or "")
    page.locator("main form button").first.click()
    page.wait_for_url("**/console/sql")


def test_a_reader_runs_and_cancels_what_it_may_read(browser: Chromium, shut: Lake) -> None:
    reader = principal(shut, "reader", {"seen": ["read"]})
    with visiting(browser, shut) as visitor:
        page = visitor.page
        sign_in(page, visitor.origin, reader.token)
        expect(page.locator("#relations")).to_contain_text("seen")
        expect(page.locator("#relations")).not_to_contain_text("hidn")
        expect(page.locator("#save")).to_have_count(0)
        run(page, "SELECT * FROM seen")
        done(page)
        assert cell(page, 0, 0) == "1"
        run(page, "SELECT * FROM hidn")
        expect(page.locator(".problem pre")).to_contain_text("hidn does not exist")
        run(page, "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b")
        expect(page.locator("#progress")).to_contain_text("Running")
        page.locator("#cancel").click()
        expect(page.locator("#status")).to_contain_text("Cancelled after")
        assert shut.ask("GET", "/v1/queries").json["queries"] == []
        visitor.check()


def test_a_restricted_reader_sees_only_what_is_granted(browser: Chromium, shut: Lake) -> None:
    reader = principal(shut, "restricted", {"seen": ["read"]})
    assert shut.put("private/hidn.txt").status == 200
    with visiting(browser, shut) as visitor:
        page, main = visitor.page, visitor.page.locator("main")
        sign_in(page, visitor.origin, reader.token)
        links = page.get_by_role("navigation", name="Pages").get_by_role("link")
        assert links.all_inner_texts() == ["Datasets", "SQL", "Journal", "Storage", "Access"]
        for path in ("datasets", "journal", "storage", "access", "views"):
            visitor.open(f"/console/{path}")
            expect(main).not_to_contain_text("hidn")
        visitor.open("/console/datasets")
        page.get_by_role("link", name="seen").click()
        page.get_by_role("link", name="History").click()
        expect(page.get_by_role("link", name="What changed")).to_be_visible()
        expect(page.get_by_role("link", name="Restore…")).to_have_count(0)
        for path in ("dataset/hidn", "storage/object?key=private/hidn.txt", "view/hidn"):
            assert visitor.open(f"/console/{path}") == 404
        assert visitor.open("/console/upkeep") == 403
        visitor.check()


def test_a_view_is_saved_only_under_a_name_that_one_manages(browser: Chromium, shut: Lake) -> None:
    manager = principal(shut, "manager", {"seen": ["read"], "m_*": ["manage", "read"]})
    with visiting(browser, shut) as visitor:
        page = visitor.page
        sign_in(page, visitor.origin, manager.token)
        write(page, "SELECT * FROM seen")
        page.keyboard.press("Escape")
        page.locator("#save").click()
        page.get_by_label("Name", exact=True).fill("other")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("#save-problem .problem")).to_contain_text("forbidden")
        page.get_by_label("Name", exact=True).fill("m_seen")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("#save-done")).to_contain_text("Saved as view m_seen")
        found = shut.sql("SELECT actor FROM lake.events WHERE type = 'view_put'").json
        assert found["rows"] == [["manager"]]
        visitor.check()


def test_a_session_that_ended_is_said(browser: Chromium, shut: Lake) -> None:
    leaving = principal(shut, "leaving", {"seen": ["read"]})
    with visiting(browser, shut) as visitor:
        page = visitor.page
        sign_in(page, visitor.origin, leaving.token)
        identity = (leaving.token or "").split("_")[1]
        assert shut.ask("DELETE", f"/v1/access/tokens/{identity}").status == 200
        run(page, "SELECT * FROM seen")
        expect(page.locator(".problem")).to_contain_text("unauthenticated")


def test_statements_of_two_principals_are_remembered_apart(browser: Chromium, shut: Lake) -> None:
    with visiting(browser, shut) as visitor:
        page = visitor.page
        for name in ("first", "second"):
            client = principal(shut, name, {"seen": ["read"]})
            page.context.clear_cookies()
            sign_in(page, visitor.origin, client.token)
            expect(page.locator("#history button")).to_have_count(0)
            visitor.open(address(f"SELECT '{name}'"))
            done(page)
            expect(page.locator("#history button")).to_have_count(1)
