"""Pictures of the console's pages: `ops/console-pictures DIRECTORY [NAME]`."""

import logging
import sys
import tempfile
from pathlib import Path

import structlog
from console_browser import MEDIUM, NARROW, WIDE, Chromium, Visitor, launched, visiting
from console_pages import PAGES, fill
from lake_server import Lake, running_lake
from playwright.sync_api import sync_playwright
from principals import closed, principal

WIDTHS = {"wide": WIDE, "medium": MEDIUM, "narrow": NARROW}
SIGN_IN = "/console/sign-in"
CLOSED = {
    "access-sign-in": SIGN_IN,
    "access-admin": "/console/access",
    "access-principal": "/console/principal/bo",
    "access-audit": "/console/audit",
}
"""Pages of a lake with access control, as an admin sees them."""


def main(directory: Path, beginning: str) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    directory.mkdir(parents=True, exist_ok=True)
    pages = {name: shown.path for name, shown in PAGES.items()}
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        browser = launched(playwright)
        for folder, known in (("open", pages), ("closed", CLOSED)):
            wanted = {name: path for name, path in known.items() if name.startswith(beginning)}
            if not wanted:
                continue
            with running_lake(Path(place) / folder) as lake:
                if known is CLOSED:
                    restrict(lake)
                fill(lake)
                for name, path in wanted.items():
                    picture(browser, lake, path, directory / name)
        browser.close()


def restrict(lake: Lake) -> None:
    """Give the lake an admin, whose token it has then, and a reader that is refused something."""
    lake.token = closed(lake)
    grants = {"sales": ["read"], "raw_*": ["read", "write"], "storage:raw/*": ["read"]}
    reader = principal(lake, "bo", grants)
    assert reader.ask("DELETE", "/v1/catalog/dataset/sales").status == 403


def picture(browser: Chromium, lake: Lake, path: str, target: Path) -> None:
    """One page at each width, in each scheme."""
    for scheme in ("light", "dark"):
        for word, width in WIDTHS.items():
            size = {"width": width, "height": 800}
            with visiting(browser, lake, color_scheme=scheme, viewport=size) as visitor:
                if lake.token and path != SIGN_IN:
                    sign_in(visitor, lake.token)
                visitor.open(path)
                visitor.page.wait_for_load_state("networkidle")
                file = target.with_name(f"{target.name}-{word}-{scheme}.png")
                visitor.page.screenshot(path=file, full_page=word != "wide")


def sign_in(visitor: Visitor, token: str) -> None:
    visitor.open(SIGN_IN)
    visitor.page.get_by_label("Token").fill(token)
    visitor.page.get_by_role("button", name="Sign in").click()
    visitor.page.wait_for_url("**/console/datasets")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "")
