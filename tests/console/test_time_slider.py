"""The slider of the time bar: it says which event it is at, and goes there when it is let go."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from urllib.parse import parse_qs, urlsplit

from console_browser import Visitor
from playwright.sync_api import expect

Visit = Callable[..., AbstractContextManager[Visitor]]


def test_the_slider_names_the_event_and_enter_goes_there(visit: Visit) -> None:
    with visit() as visitor:
        page = visitor.page
        visitor.open("/console/datasets?search=sales")
        slider = page.locator("#as-of-slider")
        slider.focus()
        page.keyboard.press("Home")
        expect(page.locator("#as-of-event")).to_have_text("before the first event")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#as-of-shown")).to_have_text("1")
        expect(page.locator("#as-of-event")).to_contain_text("UTC · dataset registered · sales")
        page.keyboard.press("Enter")
        page.wait_for_url("**as_of=1*")
        query = parse_qs(urlsplit(page.url).query)
        assert query == {"search": ["sales"], "as_of": ["1"]}
        expect(page.locator(".time-note")).to_contain_text("You are viewing the past")
        expect(page.locator("#as-of-note")).to_contain_text("UTC · dataset registered · sales")
        page.locator("#as-of-slider").focus()
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        expect(page.locator(".time-note")).to_have_count(0)
        assert parse_qs(urlsplit(page.url).query) == {"search": ["sales"]}
        visitor.check()


def test_the_slider_goes_where_the_pointer_lets_it_go(visit: Visit) -> None:
    with visit() as visitor:
        page = visitor.page
        visitor.open("/console/datasets")
        box = page.locator("#as-of-slider").bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + 2, box["y"] + box["height"] / 2)
        page.wait_for_url("**as_of=0*")
        visitor.check()


def test_a_statement_that_is_not_run_yet_goes_along(visit: Visit) -> None:
    with visit() as visitor:
        page = visitor.page
        visitor.open("/console/sql")
        page.locator(".cm-content").click()
        page.keyboard.type("SELECT count(*) AS n FROM sales")
        page.keyboard.press("Escape")
        page.locator("#as-of").fill("1")
        page.keyboard.press("Enter")
        expect(page.locator("#status")).to_contain_text("as of event 1")
        expect(page.locator("#as-of-shown")).to_have_text("1")
        assert page.locator("#cell-0-0").inner_text() == "200"
        visitor.check()
