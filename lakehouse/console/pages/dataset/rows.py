"""The tab Rows: a part of the rows, with a condition; each row leads to its origin."""

from typing import Any

from lakehouse.api.sql import ResultColumn
from lakehouse.console.page import Equivalent
from lakehouse.console.pages.dataset.profile import kind_of
from lakehouse.console.pages.dataset.tab import Subject, Tab
from lakehouse.console.queries import Rows, literal, quoted, rows_of
from lakehouse.console.visit import Visit
from lakehouse.domain.errors import CODES, Refused, RefusedError
from lakehouse.service.service import Service

ROWS = 50
CELL_CHARACTERS = 300
_IDENTIFYING = 12
"""How many columns the condition of a clicked row names at most."""


async def show(service: Service, visit: Visit, subject: Subject) -> Tab:
    """A condition that is wrong shows its refusal above the field; raises RefusedError otherwise."""
    skip, where = visit.number("skip", 0), visit.parameter("where").strip()
    statement = f"SELECT * FROM {quoted(subject.name)}"
    if where:
        statement += f" WHERE ({where}\n)"
    found: Rows | None = None
    refused: Refused | None = None
    try:
        limited = f"{statement} LIMIT {ROWS + 1} OFFSET {skip}"
        found = await rows_of(service, visit, limited, visit.as_of)
    except RefusedError as error:
        if not where or CODES[error.refused.code].status >= 500:
            raise
        refused = error.refused
    values: dict[str, Any] = {
        "found": found,
        "rows": _listed(found) if found else [],
        "more": found is not None and len(found.rows) > ROWS,
        "where": where,
        "refused": refused,
        "skip": skip,
        "size": ROWS,
        "total": None if where or not subject.glance else subject.glance.row_count,
    }
    short = f"SELECT * FROM {quoted(subject.name)}" + (f" WHERE {where}" if where else "")
    at = f", as_of={visit.as_of!r}" if visit.as_of else ""
    equivalent = Equivalent(
        path="/v1/sql",
        query={"q": f"{short} LIMIT {ROWS}", "as_of": visit.as_of},
        python=f"print(lake.sql({short!r}{at}).pandas())",
    )
    return Tab(
        template="rows.html",
        values=values,
        equivalent=equivalent,
        seq=found.seq if found else None,
    )


def _listed(found: Rows) -> list[tuple[list[str | None], str]]:
    """Each row as texts, null as None, and the condition that finds it."""
    return [
        ([_text(cell) for cell in row], identifying(found.columns, row))
        for row in found.rows[:ROWS]
    ]


def _text(cell: Any) -> str | None:
    if cell is None:
        return None
    text = ("true" if cell else "false") if isinstance(cell, bool) else str(cell)
    return text if len(text) <= CELL_CHARACTERS else f"{text[:CELL_CHARACTERS]}…"


def identifying(columns: list[ResultColumn], row: list[Any]) -> str:
    """A condition that holds for this row: by its simple values. Another row with the same has it too."""
    terms: list[str] = []
    for column, cell in zip(columns, row, strict=True):
        if not kind_of(column.type) or len(terms) == _IDENTIFYING:
            continue
        if cell is None:
            terms.append(f"{quoted(column.name)} IS NULL")
        elif len(str(cell)) <= CELL_CHARACTERS:
            value = str(cell).lower() if isinstance(cell, bool) else str(cell)
            terms.append(f"{quoted(column.name)} = CAST({literal(value)} AS {column.type})")
    return " AND ".join(terms) or "true"
