"""Handler of POST /v1/gc."""

import hashlib

import msgspec
from aiohttp import web

from lakehouse.service.gc import listing
from lakehouse.service.gc.collector import GcReport
from lakehouse.service.service import Service
from lakehouse.web.http import bodies
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import answer

NAMED = 10_000
"""How many objects an answer names; it counts them all."""


class GarbageQuestion(msgspec.Struct, frozen=True):
    """The body of POST /v1/gc; none at all is a dry run. Unknown members are ignored."""

    dry_run: bool = True
    older_than: int | str | None = None


async def collect(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/gc: tells what nothing refers to any more, and removes it if it is told to."""
    caller = exchange.caller()
    asked, payload = GarbageQuestion(), b""
    if exchange.request.can_read_body:
        asked, payload = await bodies.read_json(exchange, GarbageQuestion)
    older_than = listing.RETENTION
    if asked.older_than is not None:
        older_than = listing.age(asked.older_than)
    plan = await service.collection.plan(older_than)
    report = GcReport(plan, dry_run=asked.dry_run, named=NAMED)
    if not asked.dry_run:
        sha256 = hashlib.sha256(payload).hexdigest()
        done = await service.collection.collect(plan, caller, report.add, sha256)
        return answer(report.body(done), done.seq)
    async for finding in service.collection.survey(plan):
        report.add(finding)
    return answer(report.body(), plan.state.head.seq)
