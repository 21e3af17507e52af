"""`lakehouse compact`: merges small objects of datasets."""

import argparse

import msgspec

from lakehouse.api.upkeep.compaction import CompactedDataset, CompactRequest
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.output import printing
from lakehouse.config import Settings
from lakehouse.domain.counts import counted
from lakehouse.domain.errors import Refused, RefusedError

OK, INCOMPLETE = 0, 1


async def compact(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse compact [NAME]`: 1 when some objects could not be merged."""
    request = _request(arguments)
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "compact")
        found = await service.compaction.run(caller, request)
    if arguments.json:
        printing.document(found.body)
    else:
        for each in found.body.datasets:
            _print(each, dry_run=request.dry_run)
        if not found.body.datasets:
            printing.line("nothing to compact")
    return INCOMPLETE if any(each.problems for each in found.body.datasets) else OK


def _request(arguments: argparse.Namespace) -> CompactRequest:
    given = {
        "name": arguments.name,
        "target_mb": arguments.target_mb,
        "dry_run": arguments.dry_run,
    }
    try:
        return msgspec.convert(given, CompactRequest)
    except msgspec.ValidationError as error:
        raise RefusedError(Refused("invalid_request", str(error))) from error


def _print(done: CompactedDataset, *, dry_run: bool) -> None:
    counts = f"{counted(done.objects_before, 'object')} before, {done.objects_after:,} after"
    if not dry_run:
        counts += f", {done.bytes_read:,} bytes {done.bytes_written:,}"
    printing.line(f"{done.name}: {counts}")
    for column in done.columns:
        printing.line(f"  column {column.name}: {column.was} is now {column.is_}")
    for problem in done.problems:
        printing.line(f"  left as they are: {problem}")


COMMANDS = {"compact": compact}
