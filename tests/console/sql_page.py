"""How tests use the SQL page: links to it, typing, and what it says of a result."""

from urllib.parse import quote

from playwright.sync_api import Page

MANY = (
    "SELECT i AS id, 'customer ' || i AS name, CASE WHEN i % 3 = 0 THEN NULL ELSE '' END AS note "
    "FROM range({}) t(i)"
)
"""As many rows as are asked for, with NULL and the empty string."""
DONE_MS = 120_000


def address(statement: str, **more: str) -> str:
    """The page with a statement, as a link to it has it."""
    query = "".join(f"&{name}={quote(value)}" for name, value in more.items())
    return f"/console/sql?q={quote(statement)}{query}"


def done(page: Page) -> str:
    """What the page says of a result once it is complete."""
    status = page.locator("#status", has_text="as of event")
    status.wait_for(timeout=DONE_MS)
    return status.inner_text()


def write(page: Page, statement: str) -> None:
    """Replace what the editor holds by typing."""
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.type(statement)


def run(page: Page, statement: str) -> None:
    """Write a statement and run it by keyboard. Escape closes a list of completions."""
    write(page, statement)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Enter")


def cell(page: Page, row: int, column: int) -> str:
    return page.locator(f"#cell-{row}-{column}").inner_text()
