"""`lakehouse gc`: lists the objects that nothing refers to; with --apply removes them."""

import argparse

from lakehouse.cli import printing
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.config import Settings
from lakehouse.service.gc import listing
from lakehouse.service.gc.collector import GcReport
from lakehouse.service.gc.listing import GcCandidate

OK, INCOMPLETE = 0, 3


async def gc(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse gc [--older-than 7d] [--apply]`: 3 when the next run must delete the rest."""
    older_than = listing.age(arguments.older_than)
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "gc")
        plan = await service.collection.plan(older_than)
        named = None if arguments.json else 0
        report = GcReport(plan, dry_run=not arguments.apply, named=named)

        def add(candidate: GcCandidate) -> None:
            report.add(candidate)
            if not arguments.json:
                _print_candidate(candidate)

        done = None
        if arguments.apply:
            done = await service.collection.collect(plan, caller, add)
        else:
            async for candidate in service.collection.survey(plan):
                add(candidate)
    if arguments.json:
        printing.document(report.body(done))
    elif done is None:
        printing.line(f"{report.count} objects, {report.size_bytes:,} bytes; --apply removes them")
    else:
        printing.line(
            f"{done.marked} marked, {done.deleted} deleted, {done.left} left, event {done.seq}"
        )
    return INCOMPLETE if done is not None and done.left else OK


def _print_candidate(candidate: GcCandidate) -> None:
    size = "?" if candidate.size_bytes is None else f"{candidate.size_bytes:,}"
    printing.line(f"{candidate.blob}  {size} bytes  {candidate.verdict}: {candidate.why}")


COMMANDS = {"gc": gc}
