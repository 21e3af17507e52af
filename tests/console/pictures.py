"""Pictures of the console's pages: `ops/console-pictures DIRECTORY [NAME]`."""

import logging
import sys
import tempfile
from pathlib import Path

import structlog
from console_browser import MEDIUM, NARROW, WIDE, launched, visiting
from console_pages import PAGES, fill
from lake_server import Lake, running_lake
from playwright.sync_api import Browser, sync_playwright

WIDTHS = {"wide": WIDE, "medium": MEDIUM, "narrow": NARROW}


def main(directory: Path, beginning: str) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    directory.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as place,
        running_lake(Path(place) / "bucket") as lake,
        sync_playwright() as playwright,
    ):
        fill(lake)
        browser = launched(playwright)
        for name in PAGES:
            if name.startswith(beginning):
                picture(browser, lake, name, directory)
        browser.close()


def picture(browser: Browser, lake: Lake, name: str, directory: Path) -> None:
    """One page at each width, in each scheme."""
    for scheme in ("light", "dark"):
        for word, width in WIDTHS.items():
            size = {"width": width, "height": 800}
            with visiting(browser, lake, color_scheme=scheme, viewport=size) as visitor:
                visitor.open(PAGES[name].path)
                visitor.page.wait_for_load_state("networkidle")
                path = directory / f"{name}-{word}-{scheme}.png"
                visitor.page.screenshot(path=path, full_page=word != "wide")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "")
