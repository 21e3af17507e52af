"""The links at the top of every page: to the pages that the visitor may use."""

from lakehouse.console.table import CONSOLE_PAGES
from lakehouse.console.visit import Visit


def links(visit: Visit) -> list[tuple[str, str, bool]]:
    """(label, URL, whether it leads to where the visitor is)."""
    if visit.session is None and not visit.is_open:
        return []
    return [
        (each.label, visit.url(each.path), _is_here(visit.path, each.path, each.below))
        for each in CONSOLE_PAGES
        if each.label and each.offered(visit.held)
    ]


def _is_here(path: str, own: str, below: tuple[str, ...]) -> bool:
    return path == own or path.startswith(below)
