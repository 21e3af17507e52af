"""`lakehouse gc`: what nothing refers to any more, and, with --apply, its removal."""

import argparse

from lakehouse.cli import printing
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.config import Settings
from lakehouse.service.gc import listing
from lakehouse.service.gc.collector import GcReport
from lakehouse.service.gc.listing import GcCandidate

OK, LEFT = 0, 3


async def gc(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse gc [--older-than 7d] [--apply]`: 3 when something marked is left for the next run."""
    older_than = listing.age(arguments.older_than)
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "gc")
        plan = await service.collection.plan(older_than)
        named = None if arguments.json else 0
        report = GcReport(plan, dry_run=not arguments.apply, named=named)

        def tell(finding: GcCandidate) -> None:
            report.add(finding)
            if not arguments.json:
                _line(finding)

        done = None
        if arguments.apply:
            done = await service.collection.collect(plan, caller, tell)
        else:
            async for finding in service.collection.survey(plan):
                tell(finding)
    if arguments.json:
        printing.document(report.body(done))
    elif done is None:
        printing.line(f"{report.count} objects, {report.size_bytes:,} bytes; --apply removes them")
    else:
        printing.line(
            f"{done.marked} marked, {done.deleted} deleted, {done.left} left, event {done.seq}"
        )
    return LEFT if done is not None and done.left else OK


def _line(finding: GcCandidate) -> None:
    size = "?" if finding.size_bytes is None else f"{finding.size_bytes:,}"
    printing.line(f"{finding.blob}  {size} bytes  {finding.verdict}: {finding.why}")


COMMANDS = {"gc": gc}
