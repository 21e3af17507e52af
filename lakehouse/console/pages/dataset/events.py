"""The tab History: the events of a name as a timeline, newest first, and what each offers."""

from typing import Any

import msgspec

from lakehouse.api.console.history import LatestHistoryQuery
from lakehouse.api.history.journal import JournalEvent
from lakehouse.console.page import Equivalent
from lakehouse.console.pages.dataset.tab import Subject, Tab
from lakehouse.console.visit import Visit
from lakehouse.domain.counts import counted
from lakehouse.service.service import Service

EVENTS = 30
_KEPT = ("dataset_registered", "dataset_appended", "dataset_restored", "dataset_rewritten")


class Entry(msgspec.Struct, frozen=True):
    """One event of the timeline. `facts` are short phrases; `kept`: whether the name had content after it."""

    event: JournalEvent
    title: str
    facts: list[str]
    kept: bool


async def show(service: Service, visit: Visit, subject: Subject) -> Tab:
    """Raises RefusedError as the catalog's history does."""
    before = visit.number("before", 0) or None
    newest = subject.seq + 1 if visit.as_of else None
    bounds = [each for each in (before, newest) if each is not None]
    query = LatestHistoryQuery(before=min(bounds, default=None), limit=EVENTS)
    found = (await service.catalog.latest_history(visit.caller, subject.name, query)).body
    equivalent = Equivalent(
        path=f"/v1/catalog/history/{subject.name}",
        python=f"for event in lake.dataset({subject.name!r}).history():\n"
        "    print(event.seq, event.at, event.type, event.actor, event.reason)",
    )
    return Tab(
        template="history.html",
        values={
            "entries": [entry(each) for each in found.events],
            "has_older": found.has_older,
            "before": before,
        },
        equivalent=equivalent,
    )


def entry(event: JournalEvent) -> Entry:
    """An event as the timeline shows it."""
    title = event.type.replace("_", " ").capitalize()
    kept = event.type in _KEPT or event.type.startswith("change_set")
    return Entry(event, title, _facts(event.data), kept)


def _facts(data: dict[str, Any]) -> list[str]:
    """What the data of an event says in numbers."""
    found = []
    if (rows := data.get("row_count")) is not None:
        found.append(counted(rows, "row"))
    objects = data.get("objects")
    if isinstance(objects, list):
        found.append(counted(len(objects), "object"))
    aside = data.get("quarantine")
    if isinstance(aside, list) and aside:
        bad = sum(each.get("row_count") or 0 for each in aside)
        found.append(f"{counted(bad, 'row')} in quarantine")
    changes = data.get("changes")
    if isinstance(changes, list):
        found.append(counted(len(changes), "change"))
    if data.get("derivation"):
        found.append("from SQL")
    return found
