"""The tab Difference: what changed in a dataset between two moments, with rows that came and went."""

from typing import Any

import msgspec

from lakehouse.api.history.time_travel import DatasetChange, DiffQuery
from lakehouse.console.page import Equivalent
from lakehouse.console.pages.dataset.tab import Subject, Tab
from lakehouse.console.queries import Rows, quoted, rows_of
from lakehouse.console.visit import Visit
from lakehouse.domain.errors import CODES, Refused, RefusedError
from lakehouse.service.service import Service

EXAMPLES = 10
"""Rows of each kind that are shown; one more is read, to know whether there are more."""


class Examples(msgspec.Struct, frozen=True):
    """Rows that exist at only one of the two moments; or why none can be shown."""

    rows: Rows | None
    refused: Refused | None


async def show(service: Service, visit: Visit, subject: Subject) -> Tab:
    """Without `from`, since just before the last event. Moments that are wrong show their refusal."""
    last = visit.parameter("to") or visit.as_of
    first = visit.parameter("from") or str(max(0, _seq(subject) - 1))
    values: dict[str, Any] = {"first": first, "last": last, "refused": None, "change": None}
    values |= {"added": None, "removed": None, "shown": EXAMPLES}
    try:
        found = await service.time_travel.diff(visit.caller, DiffQuery(first, last))
    except RefusedError as error:
        return Tab(template="difference.html", values=values | {"refused": error.refused})
    own = subject.name.lower()
    change = next((each for each in found.body.datasets if each.name.lower() == own), None)
    values |= {"change": change, "first_seq": found.body.first, "last_seq": found.body.last}
    if change is not None and _is_comparable(change):
        before, after = str(found.body.first), str(found.body.last)
        values["added"] = await _only_in(service, visit, subject.name, after, before)
        values["removed"] = await _only_in(service, visit, subject.name, before, after)
    equivalent = Equivalent(
        path="/v1/catalog/diff",
        query={"from": first, "to": last},
        python=f"print(lake.dataset({subject.name!r}).diff({first!r}, {last!r}))",
    )
    return Tab(template="difference.html", values=values, equivalent=equivalent)


def _seq(subject: Subject) -> int:
    return subject.glance.seq if subject.glance else subject.seq


def _is_comparable(change: DatasetChange) -> bool:
    """Whether the dataset existed at both moments with the same columns."""
    return change.change == "changed" and not change.schema


async def _only_in(
    service: Service, visit: Visit, name: str, there: str, not_there: str
) -> Examples:
    relation = quoted(name)
    statement = (
        f"SELECT * FROM {relation} AT (VERSION => {there}) EXCEPT ALL "
        f"SELECT * FROM {relation} AT (VERSION => {not_there}) LIMIT {EXAMPLES + 1}"
    )
    try:
        return Examples(await rows_of(service, visit, statement, None), None)
    except RefusedError as error:
        if CODES[error.refused.code].status >= 500:
            raise
        return Examples(None, error.refused)
