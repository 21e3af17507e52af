"""Masked views and profiles, made with forms: what readers see of a dataset, and who sees it so.

Must never judge whether a mask fits: the use cases do.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from lakehouse.api.catalog.change_sets import PutViewChange, TransactionRequest
from lakehouse.api.catalog.datasets import SchemaColumn, ShowDatasetQuery
from lakehouse.api.catalog.definitions import (
    AliasTarget,
    PutProfileRequest,
    SafeDefinition,
    ViewQuery,
)
from lakehouse.console.forms import Place
from lakehouse.console.page import Equivalent, Page, Redirect
from lakehouse.console.visit import ROOT, Visit, view_path
from lakehouse.domain.errors import CODES, Refused, RefusedError
from lakehouse.domain.validation import check_name
from lakehouse.service.service import Service

MASK = f"{ROOT}/mask"
ACCESS = f"{ROOT}/access"
PROFILE, DROP_PROFILE = f"{ACCESS}/profile", f"{ACCESS}/profile-drop"
SHOWN = "shown"
"""The choice that leaves a column as it is."""
MASK_FIELDS = (
    ("name_taken|view_exists|expectation_failed|_name:", "name"),
    ("^sql_error", "rows"),
    ("the comment|^invalid_comment", "comment"),
)
PROFILE_FIELDS = (("_name:", "name"),)
MAX_COLUMNS = 500
"""Columns that the form lists; a form has at most 1,000 fields."""
_COLUMN, _VIEW = "column:", "view:"
"""How the names of fields begin that are one column's, and one view's."""


async def show(service: Service, visit: Visit) -> Page:
    """GET /console/mask: the columns of the dataset `of`, or a masked `view` to change.

    Raises RefusedError `forbidden`, `view_not_found`.
    """
    filled = dict(visit.form) if visit.failed else {"of": visit.parameter("of").strip()}
    if name := visit.parameter("view"):
        view = (await service.views.show(visit.caller, name, ViewQuery())).body
        if view.safe is None:
            raise RefusedError(Refused("invalid_request", f"{name} is not a masked view"))
        filled = _fields(view.safe) | {
            "name": view.name,
            "comment": view.comment or "",
            "replace": "true",
        }
    return await _form(service, visit, filled)


def mask_place(form: Mapping[str, str]) -> Place:
    """The page of the form of a masked view."""
    return Place(MASK, query={"of": form.get("of", "")})


def profile_place(_form: Mapping[str, str]) -> Place:
    """The page of the form of a profile."""
    return Place(ACCESS)


async def put(service: Service, visit: Visit) -> Redirect:
    """POST /console/mask: make a masked view, or replace one if the form says so."""
    name = visit.field("name").strip()
    check_name(name)
    change = msgspec.convert(
        {"op": "put_view", "name": name} | _definition(visit.form), PutViewChange
    )
    request = TransactionRequest((change,), {} if visit.form.get("replace") else {name: None})
    try:
        await service.change_sets.transaction(visit.caller, request, msgspec.json.encode(request))
    except RefusedError as error:
        if error.refused.code == "expectation_failed":
            detail = f"there is a dataset or view {name} already; choose another name, or replace the view"
            raise RefusedError(Refused("name_taken", detail)) from error
        # The set has one change, whose number says nothing here.
        detail = error.refused.detail.removeprefix("change 0: ")
        raise RefusedError(Refused(error.refused.code, detail)) from error
    return Redirect(location=visit.url(view_path(name)))


async def put_profile(service: Service, visit: Visit) -> Redirect:
    """POST /console/access/profile: make or replace a profile of masked views.

    Raises RefusedError `invalid_request` if two of them are of one dataset, and what the use case raises.
    """
    names = dict[str, AliasTarget]()
    for field in visit.form:
        if not field.startswith(_VIEW):
            continue
        to = field.removeprefix(_VIEW)
        view = (await service.views.show(visit.caller, to, ViewQuery())).body
        of = view.safe.of if view.safe else view.name
        if of in names:
            detail = f"the views {names[of].to} and {to} are of one dataset, {of}; choose one"
            raise RefusedError(Refused("invalid_request", detail))
        names[of] = AliasTarget(to=to)
    name, others = visit.field("name").strip(), visit.field("others")
    request = PutProfileRequest(names=names, others="hidden" if others == "hidden" else "visible")
    payload = msgspec.json.encode((name, request))
    await service.profiles.put(visit.caller, name, request, payload)
    return Redirect(location=visit.url(ACCESS))


async def drop_profile(service: Service, visit: Visit) -> Redirect:
    """POST /console/access/profile-drop. Raises RefusedError as the use case does."""
    await service.profiles.drop(visit.caller, visit.field("name"))
    return Redirect(location=visit.url(ACCESS))


async def _form(service: Service, visit: Visit, filled: Mapping[str, str]) -> Page:
    """The form with these fields, and why its dataset cannot be shown."""
    refused: Refused | None = None
    if not visit.may_define:
        raise RefusedError(Refused("forbidden", "no grant lets you make a view"))
    columns = list[SchemaColumn]()
    if of := filled.get("of", ""):
        try:
            query = ShowDatasetQuery(limit=1)
            found = (await service.catalog.manifest(visit.caller, of, query)).body
            columns = found.schema or []
        except RefusedError as error:
            refused = error.refused
    return Page(
        template="views/mask.html",
        title="Masked view",
        values={
            "filled": filled,
            "columns": [
                (each, filled.get(_COLUMN + each.name, "")) for each in columns[:MAX_COLUMNS]
            ],
            "left_out": max(len(columns) - MAX_COLUMNS, 0),
            "refused": refused,
            "shown": SHOWN,
            "mask_path": MASK,
        },
        equivalent=Equivalent(
            path=f"/v1/catalog/view/{filled.get('name') or 'people_masked'}",
            method="PUT",
            body=_definition({"of": "people", **filled}),
        ),
        status=CODES[refused.code].status if refused else 200,
        timeless=True,
    )


def _definition(form: Mapping[str, str]) -> dict[str, Any]:
    """The definition of a view that the fields describe, as the API takes it."""
    chosen = {
        field.removeprefix(_COLUMN): choice
        for field, choice in form.items()
        if field.startswith(_COLUMN) and choice
    }
    return {
        "of": form.get("of", ""),
        "masks": {column: mask for column, mask in chosen.items() if mask != SHOWN},
        "unmasked": [column for column, choice in chosen.items() if choice == SHOWN],
        "rows": form.get("rows", "").strip() or None,
        "comment": form.get("comment", "").strip() or None,
    }


def _fields(safe: SafeDefinition) -> dict[str, str]:
    """The fields of the form that make this view."""
    columns = {_COLUMN + name: mask for name, mask in safe.masks.items()}
    columns |= {_COLUMN + name: SHOWN for name in safe.unmasked}
    return columns | {"of": safe.of, "rows": safe.rows or ""}
