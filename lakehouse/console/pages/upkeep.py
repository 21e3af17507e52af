"""Upkeep for admins: checks, checkpoints, garbage and small objects, each as a task that can be cancelled.

A GET begins nothing: it previews what would be removed or merged, and shows how far the tasks are.
"""

import msgspec

from lakehouse.api.gc import GcReport, GcRequest
from lakehouse.api.upkeep.compaction import CompactReport, CompactRequest
from lakehouse.console.page import Equivalent, Page, Redirect
from lakehouse.console.visit import ROOT, Visit
from lakehouse.service.service import Service
from lakehouse.service.upkeep.tasks import RUNNING, Task
from lakehouse.service.upkeep.use_case import (
    CHECKPOINT,
    DOCTOR,
    OBJECTS,
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
RETENTION = "7d"
ROWS = 200
"""Objects that a report lists."""


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
    """GET /console/upkeep: `collect=AGE` or `compact=true` shows what would be done."""
    older_than = visit.parameter("collect").strip()
    collected, compacted = None, None
    if older_than:
        request = GcRequest(older_than=_age(older_than))
        collected = (await service.gc.run(visit.caller, request, max_listed=ROWS)).body
    elif visit.parameter("compact"):
        compact = CompactRequest(name=visit.parameter("name").strip() or None, dry_run=True)
        compacted = (await service.compaction.run(visit.caller, compact)).body
    latest = service.upkeep.latest(visit.caller).values()
    tasks = sorted(latest, key=lambda each: each.began_at, reverse=True)
    return _page(older_than or RETENTION, collected, compacted, tasks)


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
    await service.upkeep.cancel(visit.caller, visit.field("kind"))
    return _tasks(visit)


def _tasks(visit: Visit) -> Redirect:
    return Redirect(location=f"{visit.url(UPKEEP)}#tasks")


def _page(
    older_than: str,
    collected: GcReport | None,
    compacted: CompactReport | None,
    tasks: list[Task],
) -> Page:
    path = "/v1/catalog/compact" if compacted is not None else "/v1/gc"
    body = {"dry_run": True} if compacted is not None else {"older_than": older_than}
    return Page(
        template="upkeep/show.html",
        title="Upkeep",
        values={
            "older_than": older_than,
            "collected": collected,
            "compacted": compacted,
            "tasks": tasks,
            "running": {each.kind for each in tasks if each.state == RUNNING},
            "names": NAMES,
            "checks": CHECKS,
            "paths": {
                "check": CHECK_PATH,
                "cancel": CANCEL,
                "collect": COLLECT,
                "compact": COMPACT,
            },
            "upkeep_path": UPKEEP,
        },
        equivalent=Equivalent(path=path, method="POST", body=body),
        timeless=True,
    )


def _age(text: str) -> int | str:
    """A span such as 7d, or a number of seconds; the use case judges it."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else text
