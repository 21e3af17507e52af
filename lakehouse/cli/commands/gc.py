"""`lakehouse gc`: lists the objects that nothing refers to; with --apply removes them."""

import argparse

from lakehouse.api.gc import GcObject, GcRequest
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.output import printing
from lakehouse.config import Settings
from lakehouse.domain.counts import counted

OK, INCOMPLETE = 0, 3


async def gc(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse gc [--older-than 7d] [--apply]`: 3 when the next run must delete the rest."""
    request = GcRequest(not arguments.apply, arguments.older_than)
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "gc")
        if arguments.json:
            found = await service.gc.run(caller, request, max_listed=None)
        else:
            found = await service.gc.run(caller, request, found=_print_object, max_listed=0)
    report = found.body
    if arguments.json:
        printing.document(report)
    elif report.dry_run:
        detail = f"{counted(report.object_count, 'object')}, {counted(report.size_bytes, 'byte')}"
        printing.line(f"{detail}; --apply removes them")
    else:
        detail = f"{report.marked} marked, {report.deleted} deleted, {report.left} left"
        if report.copies_deleted:
            detail += f", {counted(report.copies_deleted, 'copy', 'copies')} deleted"
        if report.stores_unavailable:
            detail += f"; not available: {', '.join(report.stores_unavailable)}"
        printing.line(f"{detail}, event {report.seq}")
    return INCOMPLETE if report.left else OK


def _print_object(row: GcObject) -> None:
    size = "? bytes" if row.size_bytes is None else counted(row.size_bytes, "byte")
    printing.line(f"{row.object}  {size}  {row.verdict}: {row.why}")


COMMANDS = {"gc": gc}
