"""Undoing a change and restoring a dataset: a preview first, then the form that does it.

A preview is a dry run of the same use case. Must never change anything on GET.
"""

import secrets
from collections.abc import Mapping

import msgspec

from lakehouse.api.catalog.datasets import RestoreRequest
from lakehouse.api.history.journal import JournalEvent
from lakehouse.api.history.time_travel import DatasetChange, UndoRequest
from lakehouse.console.forms import Place
from lakehouse.console.page import Equivalent, Page, Redirect
from lakehouse.console.visit import HOME, ROOT, Visit, dataset_path, event_path
from lakehouse.domain.errors import CODES, Refused, RefusedError
from lakehouse.service.service import Service

UNDO, RESTORE = f"{ROOT}/undo", f"{ROOT}/restore"
_SHOWN = 50
"""Datasets in a preview at most."""


def undo_place(form: Mapping[str, str]) -> Place:
    """The preview that the form of an undo is on."""
    return Place(UNDO, query={"seq": form.get("seq", "")})


def restore_place(form: Mapping[str, str]) -> Place:
    """The preview that the form of a restore is on."""
    return Place(RESTORE, query={"name": form.get("name", ""), "to": form.get("to", "")})


async def preview_undo(service: Service, visit: Visit) -> Page:
    """GET /console/undo?seq=N. A change that cannot be undone shows why."""
    seq = visit.number("seq", 0)
    values: dict[str, object] = {"fields": {"seq": str(seq)}, "action": UNDO}
    try:
        found = (await service.time_travel.undo(visit.caller, UndoRequest(seq))).body
    except RefusedError as error:
        values |= _refused(error)
    else:
        values |= _previewed(found.type, found.datasets) | {"key": found.key}
    values["event"] = await _event(service, visit, seq)
    equivalent = Equivalent(
        path="/v1/journal/undo",
        method="POST",
        body={"seq": seq, "dry_run": True},
        python=f"print(lake.undo({seq}, dry_run=True))",
    )
    return _page(f"Undo event {seq}", "Undo", values | {"back": event_path(seq)}, equivalent)


async def _event(service: Service, visit: Visit, seq: int) -> JournalEvent | None:
    """The event that is undone; None where the caller may not see it."""
    try:
        return (await service.journal.event(visit.caller, seq)).body
    except RefusedError as error:
        if error.refused.code != "event_not_found":
            raise
        return None


async def undo(service: Service, visit: Visit) -> Redirect:
    """POST /console/undo. Raises RefusedError as the use case does."""
    request = UndoRequest(_number(visit.field("seq")), dry_run=False)
    found = await service.time_travel.undo(visit.caller, request, msgspec.json.encode(request))
    name = found.body.datasets[0].name if found.body.datasets else None
    path = dataset_path(name) if name else HOME
    return Redirect(location=visit.url(path, tab="history", done=found.seq))


async def preview_restore(service: Service, visit: Visit) -> Page:
    """GET /console/restore?name=…&to=N."""
    name, to = visit.parameter("name"), visit.parameter("to")
    values: dict[str, object] = {"fields": {"name": name, "to": to}, "action": RESTORE, "key": None}
    try:
        found = await service.time_travel.preview_restore(visit.caller, RestoreRequest(name, to))
    except RefusedError as error:
        values |= _refused(error)
    else:
        values |= _previewed(found.body.type, found.body.datasets)
    equivalent = Equivalent(
        path="/v1/catalog/restore",
        method="POST",
        body={"name": name, "as_of": to},
        python=f"lake.dataset({name!r}).restore({to!r})",
    )
    moment = f"event {to}" if to.isdigit() else to
    values["back"] = f"{dataset_path(name)}?tab=history"
    return _page(f"Restore {name} as of {moment}", "Restore", values, equivalent)


async def restore(service: Service, visit: Visit) -> Redirect:
    """POST /console/restore. Raises RefusedError as the use case does."""
    request = RestoreRequest(visit.field("name"), visit.field("to"))
    found = await service.catalog.restore(visit.caller, request, msgspec.json.encode(request))
    return Redirect(
        location=visit.url(dataset_path(found.body.name), tab="history", done=found.seq)
    )


def _page(title: str, verb: str, values: dict[str, object], equivalent: Equivalent) -> Page:
    shared = {"title": title, "verb": verb, "event": None, "idempotency_key": secrets.token_hex(16)}
    return Page(
        template="change.html",
        title=title,
        values=shared | values,
        equivalent=equivalent,
        timeless=True,
    )


def _previewed(type_: str | None, datasets: list[DatasetChange]) -> dict[str, object]:
    return {"refused": None, "type": type_, "changes": datasets[:_SHOWN], "total": len(datasets)}


def _refused(error: RefusedError) -> dict[str, object]:
    """What the page shows of a change that cannot be made; a forbidden one stays an error page."""
    if CODES[error.refused.code].status not in (400, 409, 410):
        raise error
    return {"refused": error.refused, "type": None, "changes": [], "total": 0, "key": None}


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise RefusedError(Refused("invalid_request", "seq must be the number of an event"))
    return int(text)
