"""GET /console/dataset/{name}: which tab is shown, and the heading that all of them have."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from lakehouse.api.catalog.datasets import HistoryQuery, ManifestPage, ShowDatasetQuery
from lakehouse.api.catalog.definitions import ViewQuery
from lakehouse.api.console.overview import DatasetGlance
from lakehouse.console.forms import Place
from lakehouse.console.page import Equivalent, Page, Redirect
from lakehouse.console.pages.dataset import columns, difference, events, objects, origin, rows
from lakehouse.console.pages.dataset import quarantine as aside
from lakehouse.console.pages.dataset.tab import Subject, Tab
from lakehouse.console.visit import Visit, dataset_path, view_path
from lakehouse.domain.errors import RefusedError
from lakehouse.service.service import Service

_QUARANTINE = "quarantine"
Show = Callable[[Service, Visit, Subject], Awaitable[Tab]]
_TABS: dict[str, tuple[str, Show]] = {
    "": ("Columns", columns.show),
    "rows": ("Rows", rows.show),
    "history": ("History", events.show),
    "difference": ("Difference", difference.show),
    "origin": ("Origin", origin.show),
    "objects": ("Objects", objects.show),
    _QUARANTINE: ("Quarantine", aside.show),
}


async def show(service: Service, visit: Visit) -> Page | Redirect:
    """GET /console/dataset/{name}; leads to a view of this name. Raises RefusedError `dataset_not_found`."""
    chosen = visit.parameter("tab")
    chosen = chosen if chosen in _TABS else ""
    try:
        subject = await _subject(service, visit, chosen)
    except RefusedError as error:
        if error.refused.code != "dataset_not_found" or not await _is_view(service, visit):
            raise
        return Redirect(location=visit.url(view_path(visit.name)))
    tab = await _TABS[chosen][1](service, visit, subject)
    return _page(visit, subject, chosen, tab)


def mend_place(form: Mapping[str, str]) -> Place:
    """The tab of the form that corrects rows."""
    name = form.get("dataset", "")
    return Place(dataset_path(name), name, {"tab": _QUARANTINE})


async def _is_view(service: Service, visit: Visit) -> bool:
    """Whether the name is that of a view, as events name it too."""
    views = (await service.views.list(visit.caller, ViewQuery(as_of=visit.as_of))).body.views
    return any(each.name.lower() == visit.name.lower() for each in views)


async def correct(service: Service, visit: Visit) -> Page | Redirect:
    """POST /console/dataset/{name}: check or load the corrected rows of its quarantine."""
    subject = await _subject(service, visit, _QUARANTINE)
    found = await aside.correct(service, visit, subject)
    return found if isinstance(found, Redirect) else _page(visit, subject, _QUARANTINE, found)


def _page(visit: Visit, subject: Subject, chosen: str, tab: Tab) -> Page:
    """The page that shows one tab."""
    tabs = [
        (label, visit.url(subject.path, tab=key), key == chosen)
        for key, (label, _) in _TABS.items()
        if key != _QUARANTINE or chosen == key or (subject.glance and subject.glance.quarantined)
    ]
    values: dict[str, Any] = {
        "subject": subject,
        "tabs": tabs,
        "may_write": visit.may_write(subject.name),
    }
    return Page(
        template=f"dataset/{tab.template}",
        title=subject.name,
        values=values | tab.values,
        equivalent=tab.equivalent or _equivalent(visit, subject),
        seq=tab.seq if tab.seq is not None else subject.seq,
    )


async def _subject(service: Service, visit: Visit, chosen: str) -> Subject:
    """The dataset as it was; of one that was dropped only the history."""
    query = ShowDatasetQuery(as_of=visit.as_of, limit=1)
    try:
        found = await service.catalog.manifest(visit.caller, visit.name, query)
        glance = await service.catalog.glance(visit.caller, visit.name, visit.as_of)
    except RefusedError as error:
        if chosen != "history" or error.refused.code != "dataset_not_found":
            raise
        past = await service.catalog.history(visit.caller, visit.name, HistoryQuery(limit=1))
        return Subject(visit.name, None, None, past.seq)
    return _of(found.body, glance.body, found.seq)


def _of(manifest: ManifestPage, glance: DatasetGlance, seq: int) -> Subject:
    return Subject(manifest.name, msgspec.structs.replace(manifest, objects=[]), glance, seq)


def _equivalent(visit: Visit, subject: Subject) -> Equivalent:
    at = f"lake.dataset({subject.name!r})"
    if visit.as_of:
        at += f".at({visit.as_of!r})"
    return Equivalent(
        path=f"/v1/catalog/manifest/{subject.name}",
        query={"as_of": visit.as_of},
        python=f"dataset = {at}\nprint(dataset.row_count, dataset.schema)",
    )
