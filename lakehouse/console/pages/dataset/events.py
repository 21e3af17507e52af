"""The tab History: the events of a name as a timeline, newest first, and what each offers."""

from typing import Any

import msgspec

from lakehouse.api.catalog import HistoryQuery
from lakehouse.api.journal import JournalEvent
from lakehouse.console.page import Equivalent
from lakehouse.console.pages.dataset.tab import Subject, Tab
from lakehouse.console.visit import Visit
from lakehouse.service.service import Service

EVENTS = 30
_MOST = 10_000
_KEPT = ("dataset_registered", "dataset_appended", "dataset_restored", "dataset_rewritten")


class Entry(msgspec.Struct, frozen=True):
    """One event of the timeline. `facts` are short phrases; `kept`: whether the name had content after it."""

    event: JournalEvent
    title: str
    facts: list[str]
    kept: bool


async def show(service: Service, visit: Visit, subject: Subject) -> Tab:
    """Raises RefusedError as the catalog's history does."""
    found = await service.catalog.history(visit.caller, subject.name, HistoryQuery(limit=_MOST))
    events = [each for each in found.body.events if visit.as_of is None or each.seq <= subject.seq]
    newest = events[::-1]
    skip = visit.number("skip", 0)
    part = [entry(each) for each in newest[skip : skip + EVENTS]]
    equivalent = Equivalent(
        path=f"/v1/catalog/history/{subject.name}",
        python=f"for event in lake.dataset({subject.name!r}).history():\n"
        "    print(event.seq, event.at, event.type, event.actor, event.reason)",
    )
    return Tab(
        template="history.html",
        values={"entries": part, "skip": skip, "total": len(newest), "size": EVENTS},
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
        found.append(_counted(rows, "row"))
    objects = data.get("objects")
    if isinstance(objects, list):
        found.append(_counted(len(objects), "object"))
    aside = data.get("quarantine")
    if isinstance(aside, list) and aside:
        bad = sum(each.get("row_count") or 0 for each in aside)
        found.append(f"{_counted(bad, 'row')} in quarantine")
    changes = data.get("changes")
    if isinstance(changes, list):
        found.append(_counted(len(changes), "change"))
    if data.get("derivation"):
        found.append("from SQL")
    return found


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
