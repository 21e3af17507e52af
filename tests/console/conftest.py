"""A browser, and a lake with something of everything, for each module.

Playwright keeps an event loop running in its thread, so that no asynchronous test may run before it stops.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import pytest
from console_browser import Chromium, Visitor, launched, visiting
from console_client import HIDDEN, SEEN
from console_pages import fill
from lake_server import Lake, running_lake
from playwright.sync_api import sync_playwright
from principals import closed


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    """A module's own: as long as it is there, its event loop runs, and no test with `async` can."""
    with sync_playwright() as playwright:
        chromium = launched(playwright)
        try:
            yield chromium
        finally:
            chromium.close()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """An open lake with the datasets that the pages show."""
    with running_lake(tmp_path_factory.mktemp("console") / "bucket") as lake:
        fill(lake)
        yield lake


@pytest.fixture
def visit(browser: Chromium, lake: Lake) -> Callable[..., AbstractContextManager[Visitor]]:
    """`with visit(color_scheme="dark") as visitor`: a new tab on the lake's console."""
    return partial(visiting, browser, lake)


@pytest.fixture(scope="module")
def shut(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake with access control; the client is an admin's."""
    with running_lake(tmp_path_factory.mktemp("shut") / "bucket") as lake:
        lake.token = closed(lake)
        for name in (SEEN, HIDDEN):
            assert lake.ingest(f"name={name}").status == 200
        yield lake
