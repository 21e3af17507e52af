"""Upkeep, for admins: objects that nothing refers to are listed, then collected; small objects are
merged."""

import msgspec

from lakehouse.api.gc import GcReport, GcRequest
from lakehouse.api.upkeep.compaction import CompactReport, CompactRequest
from lakehouse.console.page import Equivalent, Page
from lakehouse.console.visit import ROOT, Visit
from lakehouse.service.service import Service

UPKEEP = f"{ROOT}/upkeep"
COLLECT, COMPACT = f"{UPKEEP}/collect", f"{UPKEEP}/compact"
RETENTION = "7d"
ROWS = 200
"""Objects that a report lists."""


async def show(service: Service, visit: Visit) -> Page:
    """GET /console/upkeep: `collect=AGE` or `compact=true` shows what would be done."""
    older_than = visit.parameter("collect").strip()
    if older_than:
        request = GcRequest(older_than=_age(older_than))
        found = await service.gc.run(visit.caller, request, max_listed=ROWS)
        return _page(older_than, collected=found.body)
    if visit.parameter("compact"):
        compact = CompactRequest(name=visit.parameter("name").strip() or None, dry_run=True)
        return _page(
            RETENTION, compacted=(await service.compaction.run(visit.caller, compact)).body
        )
    return _page(RETENTION)


async def collect(service: Service, visit: Visit) -> Page:
    """POST /console/upkeep/collect. Raises RefusedError as the use case does."""
    older_than = visit.field("older_than").strip() or RETENTION
    request = GcRequest(dry_run=False, older_than=_age(older_than))
    payload = msgspec.json.encode(request)
    found = await service.gc.run(visit.caller, request, payload, max_listed=ROWS)
    return _page(older_than, collected=found.body)


async def compact(service: Service, visit: Visit) -> Page:
    """POST /console/upkeep/compact. Raises RefusedError as the use case does."""
    request = CompactRequest(name=visit.form.get("name", "").strip() or None)
    payload = msgspec.json.encode(request)
    return _page(
        RETENTION, compacted=(await service.compaction.run(visit.caller, request, payload)).body
    )


def _page(
    older_than: str, *, collected: GcReport | None = None, compacted: CompactReport | None = None
) -> Page:
    path = "/v1/catalog/compact" if compacted is not None else "/v1/gc"
    body = {"dry_run": True} if compacted is not None else {"older_than": older_than}
    return Page(
        template="upkeep.html",
        title="Upkeep",
        values={
            "older_than": older_than,
            "collected": collected,
            "done": collected is not None and not collected.dry_run,
            "compacted": compacted,
            "paths": {"collect": COLLECT, "compact": COMPACT},
        },
        equivalent=Equivalent(path=path, method="POST", body=body),
        timeless=True,
    )


def _age(text: str) -> int | str:
    """A span such as 7d, or a number of seconds; the use case judges it."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else text
