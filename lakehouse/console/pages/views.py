"""Views: listed, shown with their definition, renamed and dropped. Made by the SQL page and by `masks`."""

from collections.abc import Mapping

import msgspec

from lakehouse.api.catalog.change_sets import DropViewChange, PutViewChange, TransactionRequest
from lakehouse.api.catalog.definitions import View, ViewQuery
from lakehouse.console.forms import Place
from lakehouse.console.page import Equivalent, Page, Redirect
from lakehouse.console.pages.masks import MASK
from lakehouse.console.visit import ROOT, Visit, view_path
from lakehouse.domain.access.rights import MANAGE
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.validation import check_name
from lakehouse.service.service import Service

RENAME_FIELDS = (("already|name_taken|expectation_failed|_name:", "to"),)
VIEWS = f"{ROOT}/views"
RENAME, DROP = f"{VIEWS}/rename", f"{VIEWS}/drop"
ROWS = 100


async def show(service: Service, visit: Visit) -> Page:
    """GET /console/views."""
    found = await service.views.list(visit.caller, ViewQuery(as_of=visit.as_of))
    skip = visit.number("skip", 0)
    return Page(
        template="views/list.html",
        title="Views",
        values={
            "views": found.body.views[skip : skip + ROWS],
            "skip": skip,
            "total": len(found.body.views),
            "size": ROWS,
            "mask_path": MASK,
        },
        equivalent=Equivalent(
            path="/v1/catalog/views",
            query={"as_of": visit.as_of},
            python='print(lake.sql("SELECT name, sql, reads FROM lake.views").pandas())',
        ),
        seq=found.seq,
    )


async def show_view(service: Service, visit: Visit) -> Page:
    """GET /console/view/{name}. Raises RefusedError `view_not_found`."""
    found = await service.views.show(visit.caller, visit.name, ViewQuery(as_of=visit.as_of))
    view = found.body
    return Page(
        template="views/view.html",
        title=view.name,
        values={
            "view": view,
            "may_manage": visit.as_of is None and visit.held.may_change(MANAGE, view.name),
            "mask_path": MASK,
            "rename_path": RENAME,
            "drop_path": DROP,
        },
        equivalent=Equivalent(path=f"/v1/catalog/view/{view.name}", query={"as_of": visit.as_of}),
        seq=found.seq,
    )


def place(form: Mapping[str, str]) -> Place:
    """The page of the view that a form is about."""
    return Place(view_path(form.get("name", "")), form.get("name", ""))


async def rename(service: Service, visit: Visit) -> Redirect:
    """POST /console/views/rename: the view under its new name and the end of the old one, as one event.

    Raises RefusedError: `expectation_failed` if either name has changed meanwhile, and what the
    change set raises.
    """
    name, to = visit.field("name"), visit.field("to").strip()
    check_name(to)
    if name.lower() == to.lower():
        raise RefusedError(Refused("invalid_request", f"the view is called {name} already"))
    view = (await service.views.show(visit.caller, name, ViewQuery())).body
    changes = (_under(view, to), DropViewChange(name=view.name))
    request = TransactionRequest(changes, {view.name: view.seq, to: None})
    try:
        await service.change_sets.transaction(visit.caller, request, msgspec.json.encode(request))
    except RefusedError as error:
        if error.refused.code != "expectation_failed":
            raise
        taken = {row["name"] for row in error.refused.errors if row.get("expected") is None}
        if to not in taken:
            raise
        detail = f"there is a dataset or view {to} already; choose another name"
        raise RefusedError(Refused("name_taken", detail)) from error
    return Redirect(location=visit.url(view_path(to)))


async def drop(service: Service, visit: Visit) -> Redirect:
    """POST /console/views/drop. Raises RefusedError: `forbidden`, `view_not_found`."""
    await service.views.drop(visit.caller, visit.field("name"))
    return Redirect(location=visit.url(VIEWS))


def _under(view: View, name: str) -> PutViewChange:
    """The same view under another name."""
    if view.safe is None:
        return PutViewChange(name=name, sql=view.sql, comment=view.comment)
    safe = msgspec.structs.asdict(view.safe)
    return PutViewChange(name=name, comment=view.comment, **safe)
