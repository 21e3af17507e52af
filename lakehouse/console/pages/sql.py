"""The SQL page: a form that shows a statement's first rows; its scripts run the statement in the browser.

Must never run a statement unless the form asks for rows: with scripts the browser runs it, shows how long it
takes, and can cancel it.
"""

import secrets

from lakehouse.api.catalog.datasets import ListDatasetsQuery
from lakehouse.api.sql import SqlRequest
from lakehouse.console.first_rows import FirstRows, first_rows
from lakehouse.console.page import Equivalent, Page
from lakehouse.console.visit import Visit
from lakehouse.domain.errors import CODES, Refused, RefusedError
from lakehouse.query.render.formats import FORMATS
from lakehouse.service.service import Service
from lakehouse.system.view_table import SYSTEM_VIEWS

ROWS = 100
"""How many rows the form asks for."""
MAX_ROWS = 1_000
EXAMPLES = (
    (
        "The largest datasets",
        "SELECT name, row_count, size_bytes, updated_at\nFROM lake.datasets\nORDER BY size_bytes DESC",
    ),
    (
        "The latest changes, and who made them",
        'SELECT seq, "at", type, dataset, actor, reason\nFROM lake.events\nORDER BY seq DESC\nLIMIT 100',
    ),
    (
        "All columns and their types",
        "SELECT dataset, position, name, type\nFROM lake.columns\nORDER BY dataset, position",
    ),
)
"""Statements that answer in every lake."""
MODULES = (
    "sql-page.js",
    "api.js",
    "codemirror.js",
    "sql-address.js",
    "sql-chart.js",
    "sql-chart-panel.js",
    "sql-chart-scales.js",
    "sql-column-types.js",
    "sql-completion.js",
    "sql-dialect.js",
    "sql-dialogs.js",
    "sql-editor.js",
    "sql-error-place.js",
    "sql-grid.js",
    "sql-history.js",
    "sql-names.js",
    "sql-result-rows.js",
    "sql-run.js",
    "sql-sidebar.js",
    "sql-text.js",
)


async def show(service: Service, visit: Visit) -> Page:
    """GET /console/sql."""
    statement = visit.parameter("q")
    profile = visit.parameter("profile") or None
    found, refused = None, None
    if statement.strip() and (wanted := visit.number("rows", 0, MAX_ROWS)):
        request = SqlRequest(statement, as_of=visit.as_of, format="json", profile=profile)
        found, refused = await _first_rows(service, visit, request, wanted)
    return Page(
        template="sql.html",
        title="SQL",
        values={
            "statement": statement,
            "profile": profile,
            "rows": ROWS,
            "examples": EXAMPLES,
            "found": found,
            "refused": refused,
            "code": CODES[refused.code] if refused else None,
            "exports": {name: _result(visit, statement, profile, name).target for name in FORMATS},
            "system_views": sorted(SYSTEM_VIEWS),
            "may_save": visit.may_define,
        },
        equivalent=_result(visit, statement, profile) if statement.strip() else None,
        styles=("sql.css",),
        modules=MODULES,
        seq=await _seq(service, visit),
    )


async def _seq(service: Service, visit: Visit) -> int | None:
    """The event that the visitor has chosen. Raises RefusedError if there is no such moment."""
    if visit.as_of is None:
        return None
    query = ListDatasetsQuery(limit=1, as_of=visit.as_of)
    return (await service.catalog.list(visit.caller, query)).seq


async def _first_rows(
    service: Service, visit: Visit, request: SqlRequest, most: int
) -> tuple[FirstRows | None, Refused | None]:
    """The rows, or why there are none: a wrong statement is shown beside its editor."""
    try:
        return await first_rows(service, visit, request, secrets.token_hex(16), most), None
    except RefusedError as error:
        return None, error.refused


def _result(
    visit: Visit, statement: str, profile: str | None, format_: str | None = None
) -> Equivalent:
    given = f", as_of={_moment(visit.as_of)}" if visit.as_of else ""
    return Equivalent(
        path="/v1/sql",
        query={"q": statement, "as_of": visit.as_of, "profile": profile, "format": format_},
        python=f"print(lake.sql({statement!r}{given}).pandas())",
        profile=profile,
    )


def _moment(as_of: str) -> str:
    return as_of if as_of.isascii() and as_of.isdigit() else repr(as_of)
