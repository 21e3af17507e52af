"""Upkeep for admins: checks, checkpoints, garbage and small objects, each as a task that can be cancelled.

A GET changes nothing: it shows how far the tasks are, and begins a preview where its address names one that
was not made yet.
"""

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from lakehouse.api.gc import GcRequest
from lakehouse.api.upkeep.compaction import CompactRequest
from lakehouse.console.forms import Place
from lakehouse.console.page import Equivalent, Page, Redirect
from lakehouse.console.visit import ROOT, Visit
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.service import Service
from lakehouse.service.upkeep.tasks import RUNNING, Task
from lakehouse.service.upkeep.use_case import (
    CHECKPOINT,
    DOCTOR,
    OBJECTS,
    PREVIEW_COLLECT,
    PREVIEW_COMPACT,
    PREVIEWS,
    VERIFY,
)
from lakehouse.service.upkeep.use_case import (
    COLLECT as COLLECTING,
)
from lakehouse.service.upkeep.use_case import (
    COMPACT as COMPACTING,
)

UPKEEP = f"{ROOT}/upkeep"
COLLECT, COMPACT = f"{UPKEEP}/collect", f"{UPKEEP}/compact"
CHECK_PATH, CANCEL = f"{UPKEEP}/check", f"{UPKEEP}/cancel"
PREVIEW = f"{UPKEEP}/preview"
FIELDS = (("older_than", "collect"), ("^dataset_not_found|_name:", "name"))
RETENTION = "7d"


class Named(msgspec.Struct, frozen=True):
    """A kind of task as the page has it; `unit` is what its progress counts."""

    title: str
    unit: str


class Check(msgspec.Struct, frozen=True):
    """A check that the page offers, and the command that does the same."""

    kind: str
    button: str
    text: str
    command: str


NAMES = {
    VERIFY: Named("Verify the journal", "slots"),
    OBJECTS: Named("Verify the objects", "objects"),
    DOCTOR: Named("Check the store", "properties"),
    CHECKPOINT: Named("Create a checkpoint", ""),
    COLLECTING: Named("Collect garbage", "objects"),
    COMPACTING: Named("Merge small objects", "datasets"),
    PREVIEW_COLLECT: Named("Preview of garbage", "objects"),
    PREVIEW_COMPACT: Named("Preview of the merge", "datasets"),
}
CHECKS = (
    Check(
        VERIFY,
        "Verify",
        "Reads every slot of the journal and checks its bytes, its order and its link to the slot before.",
        "lakehouse journal verify",
    ),
    Check(
        OBJECTS,
        "Verify",
        "Reads every object that can still be read and compares its SHA-256 with the journal.",
        "lakehouse journal verify --objects",
    ),
    Check(
        DOCTOR,
        "Check",
        "Tests whether the store has the properties that the journal relies on.",
        "lakehouse doctor",
    ),
    Check(
        CHECKPOINT,
        "Create",
        "Stores the present state, so that the next process starts from it and does not read all slots.",
        "lakehouse journal checkpoint",
    ),
)


async def show(service: Service, visit: Visit) -> Page:
    """GET /console/upkeep: `collect=AGE` or `compact=true` shows what would be done.

    A preview that was not made yet begins; it changes nothing.
    """
    kind, about = _asked(visit)
    if kind and not _is_there(service, visit, kind, about):
        await _preview(service, visit, kind, about)
    latest = service.upkeep.latest(visit.caller)
    found = latest.get(kind)
    preview = found if found is not None and found.about == about else None
    tasks = [each for each in latest.values() if each is not preview]
    tasks.sort(key=lambda each: each.began_at, reverse=True)
    return _page(visit, preview, tasks)


async def preview(service: Service, visit: Visit) -> Redirect:
    """POST /console/upkeep/preview: begin a preview of the `kind`. Raises RefusedError."""
    kind = visit.field("kind")
    about = visit.form.get("collect" if kind == PREVIEW_COLLECT else "name", "").strip()
    await _preview(service, visit, kind, about)
    return Redirect(location=_shown_at(kind, about))


def place(form: Mapping[str, str]) -> Place:
    """The page that has these forms, with the preview that is confirmed."""
    if "kind" in form:
        return Place(UPKEEP)
    if "older_than" in form:
        return Place(UPKEEP, query={"collect": form["older_than"]})
    return Place(UPKEEP, query={"compact": "true", "name": form.get("name", "")})


async def check(service: Service, visit: Visit) -> Redirect:
    """POST /console/upkeep/check. Raises RefusedError as the use case does."""
    await service.upkeep.check(visit.caller, visit.field("kind"))
    return _tasks(visit)


async def collect(service: Service, visit: Visit) -> Redirect:
    """POST /console/upkeep/collect. Raises RefusedError as the use case does."""
    older_than = visit.field("older_than").strip() or RETENTION
    request = GcRequest(dry_run=False, older_than=_age(older_than))
    await service.upkeep.collect(visit.caller, request, msgspec.json.encode(request))
    return _tasks(visit)


async def compact(service: Service, visit: Visit) -> Redirect:
    """POST /console/upkeep/compact. Raises RefusedError as the use case does."""
    request = CompactRequest(name=visit.form.get("name", "").strip() or None)
    await service.upkeep.compact(visit.caller, request, msgspec.json.encode(request))
    return _tasks(visit)


async def cancel(service: Service, visit: Visit) -> Redirect:
    """POST /console/upkeep/cancel. Raises RefusedError as the use case does."""
    kind = visit.field("kind")
    await service.upkeep.cancel(visit.caller, kind)
    task = service.upkeep.latest(visit.caller).get(kind)
    if task is not None and kind in PREVIEWS:
        return Redirect(location=_shown_at(kind, task.about))
    return _tasks(visit)


async def _preview(service: Service, visit: Visit, kind: str, about: str) -> None:
    """Begin a preview. Raises RefusedError as the use case does."""
    if kind == PREVIEW_COLLECT:
        await service.upkeep.preview_collect(visit.caller, about)
    elif kind == PREVIEW_COMPACT:
        await service.upkeep.preview_compact(visit.caller, about or None)
    else:
        raise RefusedError(Refused("invalid_request", f"there is no preview {kind[:32]!r}"))


def _asked(visit: Visit) -> tuple[str, str]:
    """The kind of preview that the address names, and what it is about; empty: none."""
    if older_than := visit.parameter("collect").strip():
        return PREVIEW_COLLECT, older_than
    if visit.parameter("compact"):
        return PREVIEW_COMPACT, visit.parameter("name").strip()
    return "", ""


def _is_there(service: Service, visit: Visit, kind: str, about: str) -> bool:
    """Whether the preview was begun here, or another one of its kind runs."""
    found = service.upkeep.latest(visit.caller).get(kind)
    return found is not None and (found.about == about or found.state == RUNNING)


def _shown_at(kind: str, about: str) -> str:
    query = {"collect": about} if kind == PREVIEW_COLLECT else {"compact": "true", "name": about}
    return f"{UPKEEP}?{urlencode(query)}#preview"


def _tasks(visit: Visit) -> Redirect:
    return Redirect(location=f"{visit.url(UPKEEP)}#tasks")


def _page(visit: Visit, preview: Task | None, tasks: list[Task]) -> Page:
    kind, about = _asked(visit)
    compacts = kind == PREVIEW_COMPACT
    path = "/v1/catalog/compact" if compacts else "/v1/gc"
    body = {"dry_run": True} if compacts else {"older_than": about or RETENTION}
    return Page(
        template="upkeep/show.html",
        title="Upkeep",
        values={
            "older_than": about if kind == PREVIEW_COLLECT else RETENTION,
            "dataset": about if compacts else "",
            "preview": preview,
            "tasks": tasks,
            "running": {each.kind for each in [*tasks, preview] if each and each.state == RUNNING},
            "names": NAMES,
            "checks": CHECKS,
            "paths": {
                "check": CHECK_PATH,
                "cancel": CANCEL,
                "collect": COLLECT,
                "compact": COMPACT,
                "preview": PREVIEW,
            },
            "upkeep_path": UPKEEP,
        },
        equivalent=Equivalent(path=path, method="POST", body=body),
        timeless=True,
    )


def _age(text: str) -> int | str:
    """A span such as 7d, or a number of seconds; the use case judges it."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else text
