"""Pages as HTML: the one template environment.

Owns escaping: every value that a template shows is escaped, and invisible characters in it are shown. Must
never mark text of the lake as safe.
"""

import functools
import re
import secrets
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from lakehouse.console import formatting
from lakehouse.console.assets import Asset, assets
from lakehouse.console.forms import hint_in_form
from lakehouse.console.navigation import links
from lakehouse.console.page import Page
from lakehouse.console.pages.changes import RESTORE, UNDO
from lakehouse.console.queries import quoted
from lakehouse.console.table import CONSOLE_PAGES
from lakehouse.console.visit import (
    ROOT,
    Visit,
    dataset_path,
    event_path,
    principal_path,
    view_path,
)
from lakehouse.domain.counts import counted
from lakehouse.domain.errors import CODES, Refused

_LISTS = {
    "view_not_found": (f"{ROOT}/views", "All views"),
    "profile_not_found": (f"{ROOT}/access", "Access"),
    "principal_not_found": (f"{ROOT}/access", "Access"),
    "object_not_found": (f"{ROOT}/storage", "Storage"),
    "event_not_found": (f"{ROOT}/journal", "Journal"),
}
"""Where a refused visitor finds what there is; elsewhere it is among the datasets."""
_BREAKS = re.compile("(?<=[_./-])(?=[^_./*-])")


def render(page: Page, visit: Visit) -> str:
    """A whole page."""
    context = {"page": page, "visit": visit, "navigation": links(visit), **page.values}
    return _environment().get_template(page.template).render(context)


def template_names() -> list[str]:
    """The names of all templates."""
    return _environment().list_templates()


def prepare(name: str) -> None:
    """Compile a template, so that no request waits for that. Takes up to 22 ms of CPU time."""
    _environment().get_template(name)


def error_page(refused: Refused, request_id: str) -> Page:
    """The page of a refused request."""
    code = CODES[refused.code]
    path, label = _LISTS.get(refused.code, (f"{ROOT}/datasets", "All datasets"))
    values = {
        "refused": refused,
        "code": code,
        "request_id": request_id,
        "list_path": path,
        "list_label": label,
    }
    return Page(
        template="error.html", title=code.title, values=values, status=code.status, timeless=True
    )


@functools.cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("lakehouse.console"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "count": formatting.count,
        "counted": counted,
        "sentence": formatting.sentence,
        "short_key": formatting.short_key,
        "size": formatting.size,
        "type_word": formatting.type_word,
        "moment": formatting.moment,
        "exact": _exact,
        "name": _name,
        "prose": _prose,
    }
    made.globals |= {
        "ROOT": ROOT,
        "ago": formatting.ago,
        "asset": _asset,
        "dataset_path": dataset_path,
        "hint_of": lambda code: CODES[code].hint,
        "hint_in_form": hint_in_form,
        "importmap": _importmap,
        "event_path": event_path,
        "principal_path": principal_path,
        "view_path": view_path,
        "random_key": lambda: secrets.token_hex(16),
        "inline": _inline,
        "is_number": formatting.is_number,
        "is_time": formatting.is_time,
        "paths": frozenset(each.path for each in CONSOLE_PAGES),
        "quoted": quoted,
        "restore_path": RESTORE,
        "undo_path": UNDO,
    }
    return made


def _shown(value: Any) -> Any:
    """A value as a template shows it; markup that we made stays."""
    if value is None:
        return ""
    return formatting.visible(value) if type(value) is str else value


def _name(text: str) -> Markup:
    """A name or key that is broken after `_`, `.`, `-` and `/` rather than elsewhere."""
    return Markup("<wbr>").join(_BREAKS.split(formatting.visible(text)))


def _prose(text: str) -> Markup:
    """A hint of ours, its `code` as code. It holds no text of the lake."""
    pieces = formatting.visible(text).split("`")
    shown = (
        Markup("<code>{}</code>").format(each) if at % 2 else escape(each)
        for at, each in enumerate(pieces)
    )
    return Markup("").join(shown)


def _exact(text: str) -> Markup:
    """Text as it is, escaped only: the value of a field that is sent back."""
    return escape(text)


def _asset(name: str) -> Asset:
    return assets()[name]


def _importmap(names: tuple[str, ...]) -> Markup:
    """Where the modules of a page are, by the names with which they import each other."""
    found = {f"console/{name}": assets()[name].url for name in names}
    return Markup(msgspec.json.encode({"imports": found}).decode())  # noqa: S704


def _inline(name: str) -> Markup:
    """A style sheet of ours, to stand in the page. It holds no text of the lake."""
    return Markup(assets()[name].text)  # noqa: S704
