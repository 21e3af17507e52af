"""Every page in Chromium: light and dark, without a script, on a phone; accessible, and without an error."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from console_browser import NARROW, WIDE, Visitor
from console_pages import PAGES

Visit = Callable[..., AbstractContextManager[Visitor]]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_and_has_no_error(visit: Visit, name: str) -> None:
    shown = PAGES[name]
    with visit(viewport={"width": WIDE, "height": 900}) as visitor:
        assert visitor.open(shown.path) == shown.status
        assert visitor.page.locator("h1").inner_text() == shown.heading
        visitor.check_accessible()
        visitor.check()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_read_on_a_phone_and_without_a_script(visit: Visit, name: str) -> None:
    shown = PAGES[name]
    size = {"width": NARROW, "height": 740}
    with visit(java_script_enabled=shown.needs_script, viewport=size) as visitor:
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
        inline = "() => { const e = document.createElement('script'); e.text = '1'; document.body.append(e) }"
        visitor.page.evaluate(inline)
        with pytest.raises(AssertionError):
            visitor.check()


def test_what_is_not_accessible_is_noticed(visit: Visit) -> None:
    with visit() as visitor:
        visitor.open("/console/datasets")
        visitor.page.evaluate(
            "() => document.querySelector('h1').insertAdjacentHTML('afterend', '<img src=\"data:,\">')"
        )
        with pytest.raises(AssertionError):
            visitor.check_accessible()
