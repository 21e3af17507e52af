"""Every page in Chromium: light and dark, without a script, at 200 %, on a phone; without an error."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from console_browser import NARROW, WIDE, ZOOMED, Chromium, Visitor, visiting
from console_pages import PAGES
from lake_server import Lake
from playwright.sync_api import ViewportSize

_MOVED = """() => {
  const { left, top } = document.querySelector(".tabs a").getBoundingClientRect();
  const style = { position: "absolute", left: `${left}px`, top: `${top}px` };
  Object.assign(document.querySelector("h1").style, style);
}"""
Visit = Callable[..., AbstractContextManager[Visitor]]
PHONE: ViewportSize = {"width": NARROW, "height": 740}
AT_200_PERCENT: ViewportSize = {"width": ZOOMED, "height": 450}


@pytest.fixture(scope="module")
def scripted(browser: Chromium, lake: Lake) -> Iterator[Visitor]:
    """One tab for all pages: a new one for each takes as long as the page."""
    with visiting(browser, lake) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def plain(browser: Chromium, lake: Lake) -> Iterator[Visitor]:
    """The same without scripts, on a phone."""
    phone = {"viewport": PHONE, "device_scale_factor": 2}
    with visiting(browser, lake, java_script_enabled=False, **phone) as visitor:
        yield visitor


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_fits_and_has_no_error(scripted: Visitor, name: str) -> None:
    shown, page = PAGES[name], scripted.page
    scripted.problems.clear()
    page.set_viewport_size({"width": WIDE, "height": 900})
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    assert scripted.open(shown.path) == shown.status
    assert page.locator("h1").inner_text() == shown.heading
    scripted.check_accessible()
    for size in (AT_200_PERCENT, PHONE):
        page.set_viewport_size(size)
        scripted.check_fits()
        scripted.check_nothing_overlaps()
    scripted.check()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_needs_no_script(plain: Visitor, name: str) -> None:
    shown = PAGES[name]
    plain.problems.clear()
    assert plain.open(shown.path) == shown.status
    assert plain.page.locator("h1").inner_text() == shown.heading
    plain.check_fits()
    assert plain.problems == []


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
