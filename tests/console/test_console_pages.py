"""Every page in Chromium: light and dark, without a script, at 200 %, on a phone; without an error."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from console_browser import NARROW, WIDE, ZOOMED, Visitor, tab
from console_pages import PAGES
from lake_server import Lake
from playwright.sync_api import Browser, BrowserContext, ViewportSize

_MOVED = """() => {
  const { left, top } = document.querySelector(".tabs a").getBoundingClientRect();
  const style = { position: "absolute", left: `${left}px`, top: `${top}px` };
  Object.assign(document.querySelector("h1").style, style);
}"""
Visit = Callable[..., AbstractContextManager[Visitor]]
PHONE: ViewportSize = {"width": NARROW, "height": 740}
AT_200_PERCENT: ViewportSize = {"width": ZOOMED, "height": 450}


@pytest.fixture(scope="module")
def scripted(browser: Browser) -> Iterator[BrowserContext]:
    """One browser for all pages: a new one for each costs more than the visit."""
    yield from context(browser, device_scale_factor=2)


@pytest.fixture(scope="module")
def plain(browser: Browser) -> Iterator[BrowserContext]:
    """The same without scripts, as wide as a phone."""
    yield from context(browser, java_script_enabled=False, viewport=PHONE)


def context(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    made = browser.new_context(**options)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_fits_and_has_no_error(
    scripted: BrowserContext, plain: BrowserContext, lake: Lake, name: str
) -> None:
    shown = PAGES[name]
    with tab(scripted, lake) as visitor:
        visitor.page.set_viewport_size({"width": WIDE, "height": 900})
        assert visitor.open(shown.path) == shown.status
        assert visitor.page.locator("h1").inner_text() == shown.heading
        visitor.check_accessible()
        for size in (AT_200_PERCENT, PHONE):
            visitor.page.set_viewport_size(size)
            visitor.check_fits()
            visitor.check_nothing_overlaps()
        visitor.check()
    with tab(plain, lake) as visitor:
        assert visitor.open(shown.path) == shown.status
        assert visitor.page.locator("h1").inner_text() == shown.heading
        visitor.check_fits()
        assert visitor.problems == []


def test_another_origin_is_noticed(visit: Visit) -> None:
    with visit() as visitor:
        visitor.open("/console/datasets")
        visitor.page.evaluate("() => fetch('http://example.com/').catch(() => 0)")
        with pytest.raises(AssertionError):
            visitor.check()


def test_a_violation_of_the_policy_is_noticed(visit: Visit) -> None:
    with visit() as visitor:
        visitor.open("/console/datasets")
        inline = "() => { let e = document.createElement('style'); e.append('a{}'); document.head.append(e) }"
        visitor.page.evaluate(inline)
        with pytest.raises(AssertionError):
            visitor.check()


@pytest.mark.parametrize(
    "attempt",
    [
        "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
        "document.body.innerHTML = '<b>x</b>'",
        "document.createElement('script').src = '/x.js'",
        "new DOMParser().parseFromString('<b>x</b>', 'text/html')",
        "trustedTypes.createPolicy('another', {createHTML: (text) => text})",
        "trustedTypes.createPolicy('htmx', {createHTML: (text) => text})",
        "trustedTypes.createPolicy('console', {createHTML: (text) => text})",
    ],
)
def test_no_script_makes_markup_or_code_of_a_string(visit: Visit, attempt: str) -> None:
    with visit() as visitor:
        visitor.open("/console/sql")
        visitor.page.wait_for_load_state("networkidle")
        refused = f"() => {{ try {{ {attempt}; return 'done' }} catch (e) {{ return e.name }} }}"
        assert visitor.page.evaluate(refused) == "TypeError"


def test_what_lies_on_something_else_is_noticed(visit: Visit) -> None:
    with visit() as visitor:
        visitor.open("/console/datasets")
        visitor.check_nothing_overlaps()
        visitor.page.evaluate(_MOVED)
        with pytest.raises(AssertionError, match="Datasets / Datasets"):
            visitor.check_nothing_overlaps()


def test_what_is_not_accessible_is_noticed(visit: Visit) -> None:
    with visit() as visitor:
        visitor.open("/console/datasets")
        visitor.page.evaluate(
            "() => { const e = document.createElement('img'); e.src = 'data:,'; "
            "document.querySelector('h1').after(e) }"
        )
        with pytest.raises(AssertionError):
            visitor.check_accessible()
