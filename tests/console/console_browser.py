"""A browser on the console that may reach this server and nothing else, and remembers what went wrong."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lake_server import Lake
from playwright.sync_api import (
    Browser,
    BrowserContext,
    CDPSession,
    Page,
    Playwright,
    expect,
)

CHROMIUM = "/usr/bin/chromium"
AXE = (Path(__file__).parent / "axe/axe.min.js").read_text()
WIDE, MEDIUM, ZOOMED, NARROW = 1280, 800, 640, 360
"""Widths of a window in CSS pixels; ZOOMED: of one that is WIDE, at 200 %."""
SLOWEST_S = 90
"""How long a page may take on a busy machine."""
DISCARD_PORT = 9
"""Where nothing listens, and Chromium would never ask: its list of unsafe ports has it."""
_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""
_ALL_RULES = "() => axe.run(document, {resultTypes: ['violations']})"
_OVERLAPS = (Path(__file__).parent / "overlaps.js").read_text()
"""The texts and fields that lie on each other, as far as they are seen."""
_COLOURS = "() => axe.run(document, {resultTypes: ['violations'], runOnly: ['color-contrast']})"
"""What another colour scheme can break."""


class Chromium:
    """A browser that uses its windows again: to start a process for each tab takes longer than its page.

    A window is given back without tabs, cookies and storage; after a failure it is closed.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._idle: dict[str, list[tuple[BrowserContext, CDPSession]]] = {}

    @contextmanager
    def window(self, lake: Lake, **options: Any) -> Iterator[BrowserContext]:
        """A window with no cookies and no storage of the lake. `options` are Playwright's."""
        idle = self._idle.setdefault(repr(sorted(options.items())), [])
        context, session = idle.pop() if idle else self._opened(lake, options)
        try:
            yield context
        except BaseException:
            context.close()
            raise
        for page in context.pages[1:]:
            page.close()
        context.clear_cookies()
        origin = {"origin": f"http://{lake.host}", "storageTypes": "all"}
        session.send("Storage.clearDataForOrigin", origin)
        idle.append((context, session))

    def _opened(self, lake: Lake, options: dict[str, Any]) -> tuple[BrowserContext, CDPSession]:
        """A new window; its first page stays open, and with it the process that later tabs share."""
        context = self._browser.new_context(**options)
        page = context.new_page()
        page.goto(f"http://{lake.host}/health", timeout=SLOWEST_S * 1_000)
        return context, context.new_cdp_session(page)

    def close(self) -> None:
        """End the browser."""
        self._browser.close()


def launched(playwright: Playwright) -> Chromium:
    """Debian's Chromium. Playwright's own browsers are not installed."""
    if shutil.which(CHROMIUM) is None:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs {CHROMIUM}: apt-get install chromium")
        pytest.skip(f"{CHROMIUM} is not installed")
    # Chromium refuses its sandbox to root.
    sandbox = [] if os.geteuid() else ["--no-sandbox"]
    # All else but the loopback is asked of a proxy that is not there. To intercept requests instead would
    # turn the browser's cache off.
    blocked = [f"--proxy-server=http://127.0.0.1:{DISCARD_PORT}"]
    shared = ["--process-per-site", "--renderer-process-limit=1"]
    # Other tests use the machine too: a slow answer is no finding.
    expect.set_options(timeout=SLOWEST_S * 1_000)
    return Chromium(
        playwright.chromium.launch(
            executable_path=CHROMIUM, args=sandbox + blocked + shared, timeout=2 * SLOWEST_S * 1_000
        )
    )


class Visitor:
    """One tab of a browser on a lake's console."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.problems: list[str] = []
        """Errors of the console and of scripts, and requests to another origin."""
        page.on("console", self._message)
        page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        page.on("request", self._asked)
        page.on("requestfailed", self._failed)

    def open(self, path: str) -> int:
        """Go to a path of the lake; the status of the answer."""
        response = self.page.goto(f"{self.origin}{path}")
        assert response is not None
        return response.status

    def check(self) -> None:
        """Fails if anything has gone wrong in this tab so far."""
        violations = self.page.evaluate("() => window.violations ?? []")
        found = [*self.problems, *violations]
        assert found == [], found

    def check_accessible(self) -> None:
        """Fails if axe finds a violation on the page as it is now, light or dark."""
        self._load_axe()
        for scheme, rules in (("light", _ALL_RULES), ("dark", _COLOURS)):
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found = self.page.evaluate(rules)["violations"]
            assert not found, "\n".join([scheme, *map(_described, found)])

    def _load_axe(self) -> None:
        """Without Playwright's own reading of the source, which takes longer than the browser's."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Runtime.evaluate", {"expression": AXE})
        session.detach()

    def check_fits(self) -> None:
        """Fails if the page is wider than its window."""
        wide = self.page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{wide} px wider than the window"

    def check_nothing_overlaps(self) -> None:
        """Fails if a text or a field lies on another one."""
        found = self.page.evaluate(_OVERLAPS)
        assert found == [], found

    def _message(self, message: Any) -> None:
        # A page that is a refusal has its status, which Chromium reports as an error.
        refused = "Failed to load resource: the server responded with a status" in message.text
        if message.type in ("error", "warning") and not refused:
            self.problems.append(f"{message.type}: {message.text}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:", "blob:")):
            self.problems.append(f"another origin: {request.url}")

    def _failed(self, request: Any) -> None:
        # Chromium cancels requests of a page that is left.
        if request.failure != "net::ERR_ABORTED":
            self.problems.append(f"request: {request.url} {request.failure}")


@contextmanager
def visiting(browser: Chromium, lake: Lake, **options: Any) -> Iterator[Visitor]:
    """A new tab with no cookies, which can reach the lake alone.

    `options` are Playwright's: `color_scheme`, `java_script_enabled`, `viewport`.
    """
    with browser.window(lake, **options) as context, tab(context, lake) as visitor:
        yield visitor


@contextmanager
def tab(context: BrowserContext, lake: Lake) -> Iterator[Visitor]:
    """A new tab of a browser that has others, with their cookies; it can reach the lake alone."""
    page = context.new_page()
    try:
        page.set_default_timeout(SLOWEST_S * 1_000)
        visitor = Visitor(page, f"http://{lake.host}")
        page.add_init_script(_VIOLATIONS)
        yield visitor
    finally:
        page.close()


def _described(violation: dict[str, Any]) -> str:
    nodes = [f"{each['target']} {each['failureSummary']}" for each in violation["nodes"][:3]]
    return f"{violation['id']}: {nodes}"
