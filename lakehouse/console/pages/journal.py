"""The journal: the newest events first, one event with everything that it holds, and verification."""

import msgspec

from journal.events import TYPES
from lakehouse.api.console.journal import (
    EventGlance,
    LatestEvents,
    LatestEventsQuery,
    SlotDamage,
)
from lakehouse.console.page import Equivalent, Page
from lakehouse.console.pages.storage import OBJECT
from lakehouse.console.pages.upkeep import CHECK_PATH
from lakehouse.console.visit import ROOT, Visit
from lakehouse.domain.access.rights import WRITE
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.service import Service
from lakehouse.service.upkeep.use_case import VERIFY

JOURNAL, EVENT = f"{ROOT}/journal", f"{ROOT}/event/"
SPAN, FILTERED_SPAN = 50, 1_000
"""Event numbers in one part of the list."""
SHOWN_BYTES = 64 * 1024
"""How much of an event's data a page shows."""
DATASET = "dataset:"
EVENT_TYPES = sorted({each.TYPE for each in TYPES})


async def show(service: Service, visit: Visit) -> Page:
    """GET /console/journal."""
    type_, dataset = visit.parameter("type").strip(), visit.parameter("dataset").strip()
    before = visit.number("before", 0) or None
    query = LatestEventsQuery(
        before=before,
        span=FILTERED_SPAN if type_ or dataset else SPAN,
        type=type_ or None,
        dataset=dataset or None,
        as_of=visit.as_of,
    )
    found = await service.journal.latest(visit.caller, query)
    live = before is None and visit.as_of is None
    after = max(found.body.first - 1, 0)
    python = f"for event in lake.events(after={after}):\n    print(event.seq, event.type)"
    return Page(
        template="journal/list.html",
        title="Journal",
        values={
            "found": found.body,
            "rows": _rows(found.body),
            "damage_before": await service.journal.damage_before(visit.caller),
            "query": query,
            "types": EVENT_TYPES,
            "live": live,
            "head": service.journal.head(visit.caller).body,
            "object_path": OBJECT,
            "check": {"path": CHECK_PATH, "kind": VERIFY},
        },
        equivalent=Equivalent(
            path="/v1/journal/events",
            query={"after": after, "type": type_, "dataset": dataset},
            python=python,
        ),
        scripts=("journal-tail.js",) if live else (),
        seq=found.seq,
    )


async def event(service: Service, visit: Visit) -> Page:
    """GET /console/event/{seq}. Raises RefusedError `event_not_found`."""
    seq = _number(visit.name)
    found = (await service.journal.event(visit.caller, seq)).body
    data = msgspec.json.format(msgspec.json.encode(found.data), indent=2).decode()
    datasets = [
        each.entity.removeprefix(DATASET) for each in found.about if _is_dataset(each.entity)
    ]
    return Page(
        template="journal/event.html",
        title=f"Event {seq}",
        values={
            "event": found,
            "data": data[:SHOWN_BYTES],
            "is_cut": len(data) > SHOWN_BYTES,
            "datasets": datasets,
            "others": [each.entity for each in found.about if not _is_dataset(each.entity)],
            "may_undo": _may_undo(visit, datasets),
            "list_path": JOURNAL,
        },
        equivalent=Equivalent(
            path="/v1/journal/events",
            query={"after": seq - 1, "limit": 1},
            python=f"print(next(lake.events(after={seq - 1})))",
        ),
        timeless=True,
    )


def _rows(found: LatestEvents) -> list[EventGlance | SlotDamage]:
    """The events and the damaged slots in one order, newest first."""
    rows: list[EventGlance | SlotDamage] = [*found.events, *found.damage]
    return sorted(rows, key=lambda row: -(row.last if isinstance(row, SlotDamage) else row.seq))


def _may_undo(visit: Visit, datasets: list[str]) -> bool:
    """Whether an undo is offered; its preview says whether it can be done."""
    return visit.held.unrestricted or any(visit.held.may_change(WRITE, name) for name in datasets)


def _is_dataset(entity: str) -> bool:
    return entity.startswith(DATASET)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 16):
        raise RefusedError(Refused("event_not_found", f"there is no event {text}"))
    return int(text)
