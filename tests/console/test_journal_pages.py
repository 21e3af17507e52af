"""The journal in the browser: its newest events, those that arrive, and one with all that it holds."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from urllib.parse import quote_plus

from console_browser import Visitor
from console_client import Browsing
from console_pages import HOSTILE
from lake_server import Lake
from playwright.sync_api import expect

Visit = Callable[..., AbstractContextManager[Visitor]]


def test_what_arrives_is_shown_without_a_reload(visit: Visit, lake: Lake) -> None:
    with visit() as visitor:
        visitor.open("/console/journal")
        expect(visitor.page.locator("#tail")).to_have_text("Live")
        reason = [("X-Change-Reason", "while you watch")]
        assert lake.ingest("name=arrived", "a\n1\n", [("Content-Type", "text/csv"), *reason])
        first = visitor.page.locator("#events tbody tr").first
        expect(first).to_contain_text("while you watch")
        expect(first).to_contain_text("arrived")
        visitor.check()


def test_older_events_are_reached_and_the_newest_come_first(visit: Visit, lake: Lake) -> None:
    for number in range(60):
        assert lake.put(f"many/{number}", b"x").status == 200
    head = lake.ask("GET", "/v1/journal/head").json["seq"]
    with visit() as visitor:
        visitor.open("/console/journal")
        shown = visitor.page.locator("#events tbody th")
        assert shown.first.inner_text() == str(head)
        assert shown.count() == 50
        visitor.page.get_by_role("link", name="Older").click()
        expect(shown.first).to_have_text(str(head - 50))
        visitor.page.get_by_role("link", name="Newest").click()
        expect(shown.first).to_have_text(str(head))


def test_a_filter_is_in_the_address(visit: Visit) -> None:
    with visit() as visitor:
        visitor.open("/console/journal")
        visitor.page.get_by_label("Type").select_option("dataset_appended")
        visitor.page.wait_for_url("**type=dataset_appended**")
        rows = visitor.page.locator("#events tbody tr")
        expect(rows.first).to_contain_text("dataset appended")
        visitor.page.reload()
        expect(visitor.page.get_by_label("Type")).to_have_value("dataset_appended")
        visitor.page.get_by_role("link", name="Show all").click()
        expect(rows.first).to_be_visible()
        assert "type=" not in visitor.page.url


def test_an_event_says_who_when_why_and_what(visit: Visit) -> None:
    with visit() as visitor:
        visitor.open("/console/journal?dataset=hostile")
        visitor.page.locator("#events tbody th a").last.click()
        main = visitor.page.locator("main")
        expect(main).to_contain_text(HOSTILE[0])
        expect(main).to_contain_text(HOSTILE[1])
        assert visitor.page.evaluate("window.hit") is None
        visitor.page.get_by_role("link", name="just before").click()
        visitor.page.wait_for_url("**as_of=**")
        visitor.page.go_back()
        expect(visitor.page.get_by_role("link", name="Undo…")).to_be_visible()


def test_what_is_no_event_is_not_found(visit: Visit) -> None:
    with visit() as visitor:
        for text in ("0", "99999999", "x", "1e3"):
            assert visitor.open(f"/console/event/{text}") == 404


def test_events_lead_to_the_view_and_the_key_that_they_are_about(lake: Lake) -> None:
    browsing = Browsing(lake.port)
    assert b'href="/console/dataset/dear"' in browsing.get("/console/journal?type=view_put").body
    led = browsing.get("/console/dataset/dear")
    assert (led.status, led.headers["Location"]) == (303, "/console/view/dear")
    assert lake.put("lists/a.txt").status == 200
    assert lake.delete("lists/a.txt").status == 204
    listed = browsing.get("/console/journal").body.decode().replace("<wbr>", "")
    link = f'href="/console/storage/object?key={quote_plus("lists/a.txt")}">lists/a.txt</a>'
    assert listed.count(link) == 2, "it was stored, and deleted"
