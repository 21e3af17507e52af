"""Every page of the console as a row of one table: the router, the navigation and the tests read it."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from lakehouse.console.forms import Place
from lakehouse.console.page import Page, Redirect
from lakehouse.console.pages import (
    access,
    changes,
    datasets,
    journal,
    masks,
    signing,
    sql,
    storage,
    upkeep,
    upload,
    views,
)
from lakehouse.console.pages.dataset import show as dataset
from lakehouse.console.pages.dataset.quarantine import FIELDS as MEND_FIELDS
from lakehouse.console.visit import HOME, ROOT, Visit
from lakehouse.service.access.permissions import Permissions
from lakehouse.service.service import Service

PageHandler = Callable[[Service, Visit], Awaitable[Page | Redirect]]


def _everyone(_held: Permissions) -> bool:
    return True


def _admins(held: Permissions) -> bool:
    return held.unrestricted


class Again(msgspec.Struct, frozen=True):
    """The page of a form, which is shown again when the form is refused."""

    show: PageHandler
    place: Callable[[Mapping[str, str]], Place]
    """Where that page is, by the fields of the form."""
    fields: tuple[tuple[str, str], ...] = ()
    """The field at fault, by a pattern of `code: detail`."""


class ConsolePage(msgspec.Struct, frozen=True, kw_only=True):
    """A method and a path, and who shows it. A path that ends in `}` takes the rest, as routes do."""

    path: str
    handler: PageHandler
    summary: str
    """What it shows or does, for ROUTES.md and the tests."""
    method: str = "GET"
    label: str = ""
    """Its name in the navigation; empty: it is not there."""
    below: tuple[str, ...] = ()
    """How other paths begin that the link in the navigation stands for too."""
    offered: Callable[[Permissions], bool] = _everyone
    """Whether the navigation has the link: it shows only what the visitor may use."""
    takes_files: bool = False
    """Whether its form has files, after all of its other fields."""
    public: bool = False
    """Whether it is shown without a sign-in."""
    again: Again | None = None
    """The page that has this form; None: a refusal of it is a page of its own."""
    admin: bool = False
    """Whether it answers admins only. Other pages are judged by the use cases that they call."""


async def _home(_service: Service, _visit: Visit) -> Redirect:
    return Redirect(location=HOME)


CONSOLE_PAGES = (
    ConsolePage(path=ROOT, handler=_home, summary="Go to the datasets"),
    ConsolePage(
        path=HOME,
        handler=datasets.show,
        summary="Search and list datasets",
        label="Datasets",
        below=(f"{ROOT}/dataset/", f"{ROOT}/view", masks.MASK, changes.RESTORE),
    ),
    ConsolePage(
        path=f"{ROOT}/sql", handler=sql.show, summary="Write and run a statement", label="SQL"
    ),
    ConsolePage(
        path=upload.UPLOAD,
        handler=upload.show,
        summary="Load files",
        label="Upload",
        below=(f"{upload.UPLOAD}/",),
        offered=upload.may_upload,
    ),
    ConsolePage(
        path=upload.UPLOAD,
        method="POST",
        handler=upload.check,
        summary="Check files",
        takes_files=True,
        again=Again(upload.show, upload.place, upload.FIELDS),
    ),
    ConsolePage(
        path=upload.LOAD,
        method="POST",
        handler=upload.load,
        summary="Load the files of a check",
        again=Again(upload.show_load, upload.load_place),
    ),
    ConsolePage(
        path=journal.JOURNAL,
        handler=journal.show,
        summary="List events, newest first",
        label="Journal",
        below=(journal.EVENT, changes.UNDO),
    ),
    ConsolePage(path=f"{journal.EVENT}{{seq}}", handler=journal.event, summary="Show an event"),
    ConsolePage(
        path=f"{ROOT}/dataset/{{name}}",
        handler=dataset.show,
        summary="Show a dataset: columns, rows, history, difference, origin, objects, quarantine",
    ),
    ConsolePage(
        path=f"{ROOT}/dataset/{{name}}",
        method="POST",
        handler=dataset.correct,
        summary="Check or load the corrected rows of a quarantine",
        again=Again(dataset.show, dataset.mend_place, MEND_FIELDS),
    ),
    ConsolePage(path=views.VIEWS, handler=views.show, summary="List views"),
    ConsolePage(
        path=f"{ROOT}/view/{{name}}", handler=views.show_view, summary="Show a view's definition"
    ),
    ConsolePage(
        path=views.RENAME,
        method="POST",
        handler=views.rename,
        summary="Rename a view",
        again=Again(views.show_view, views.place, views.RENAME_FIELDS),
    ),
    ConsolePage(
        path=views.DROP,
        method="POST",
        handler=views.drop,
        summary="Drop a view",
        again=Again(views.show_view, views.place),
    ),
    ConsolePage(path=masks.MASK, handler=masks.show, summary="Choose the masks of a view"),
    ConsolePage(
        path=masks.MASK,
        method="POST",
        handler=masks.put,
        summary="Save a masked view",
        again=Again(masks.show, masks.mask_place, masks.MASK_FIELDS),
    ),
    ConsolePage(path=changes.UNDO, handler=changes.preview_undo, summary="Preview an undo"),
    ConsolePage(
        path=changes.UNDO,
        method="POST",
        handler=changes.undo,
        summary="Undo a change",
        again=Again(changes.preview_undo, changes.undo_place),
    ),
    ConsolePage(path=changes.RESTORE, handler=changes.preview_restore, summary="Preview a restore"),
    ConsolePage(
        path=changes.RESTORE,
        method="POST",
        handler=changes.restore,
        summary="Restore a dataset",
        again=Again(changes.preview_restore, changes.restore_place),
    ),
    ConsolePage(
        path=storage.STORAGE,
        handler=storage.show,
        summary="List keys as folders",
        label="Storage",
        below=(f"{storage.STORAGE}/",),
    ),
    ConsolePage(path=storage.OBJECT, handler=storage.show_object, summary="Show an object"),
    ConsolePage(
        path=storage.DELETE,
        method="POST",
        handler=storage.delete,
        summary="Delete a key",
        again=Again(storage.show_object, storage.place),
    ),
    ConsolePage(
        path=upkeep.UPKEEP,
        handler=upkeep.show,
        summary="Show checks, garbage, small objects, and the tasks that are running",
        label="Upkeep",
        offered=_admins,
        admin=True,
    ),
    *(
        ConsolePage(
            path=path,
            method="POST",
            handler=handler,
            summary=summary,
            again=Again(upkeep.show, upkeep.place, upkeep.FIELDS),
        )
        for path, handler, summary in (
            (upkeep.CHECK_PATH, upkeep.check, "Begin a check or a checkpoint"),
            (upkeep.PREVIEW, upkeep.preview, "Begin to preview a collection or a merge"),
            (upkeep.COLLECT, upkeep.collect, "Collect garbage"),
            (upkeep.COMPACT, upkeep.compact, "Merge small objects"),
        )
    ),
    ConsolePage(path=upkeep.CANCEL, method="POST", handler=upkeep.cancel, summary="Cancel a task"),
    ConsolePage(
        path=access.ACCESS,
        handler=access.show,
        summary="Show who may do what",
        label="Access",
        below=(access.PRINCIPAL, f"{ROOT}/audit"),
    ),
    ConsolePage(
        path=f"{access.PRINCIPAL}{{name}}",
        handler=access.principal,
        summary="Show a principal",
        admin=True,
    ),
    ConsolePage(path=f"{ROOT}/audit", handler=access.audit, summary="Show the audit", admin=True),
    *(
        ConsolePage(
            path=f"{access.ACCESS}/{name}",
            method="POST",
            handler=handler,
            summary=summary,
            again=Again(access.show_place, access.place, fields),
        )
        for name, handler, summary, fields in (
            ("put", access.put_principal, "Make or change a principal", access.PRINCIPAL_FIELDS),
            ("grant", access.put_grant, "Grant rights", access.GRANT_FIELDS),
            ("ungrant", access.drop_grant, "Remove a grant", ()),
            ("issue", access.issue, "Issue a token", access.TOKEN_FIELDS),
            ("revoke", access.revoke, "Revoke a token", ()),
        )
    ),
    ConsolePage(
        path=f"{access.ACCESS}/drop",
        method="POST",
        handler=access.drop_principal,
        summary="Drop a principal",
        again=Again(access.principal, access.own_place),
    ),
    *(
        ConsolePage(
            path=f"{access.ACCESS}/{name}",
            method="POST",
            handler=handler,
            summary=summary,
            again=Again(access.show, masks.profile_place, masks.PROFILE_FIELDS),
        )
        for name, handler, summary in (
            ("profile", masks.put_profile, "Make or replace a profile"),
            ("profile-drop", masks.drop_profile, "Drop a profile"),
        )
    ),
    ConsolePage(
        path=f"{ROOT}/sign-in", handler=signing.show, summary="Ask for a token", public=True
    ),
    ConsolePage(
        path=f"{ROOT}/sign-in",
        method="POST",
        handler=signing.sign_in,
        summary="Begin a session",
        public=True,
    ),
    ConsolePage(
        path=f"{ROOT}/sign-out",
        method="POST",
        handler=signing.sign_out,
        summary="End this session, or all of the principal",
    ),
    ConsolePage(
        path=f"{ROOT}/theme",
        method="POST",
        handler=signing.choose_theme,
        summary="Choose light or dark",
    ),
)
