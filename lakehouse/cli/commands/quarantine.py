"""`lakehouse quarantine NAME`: lists the rows in quarantine, writes them as a file, or retries them."""

import argparse
import sys
import time
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from lakehouse.api.ingest.answers import QuarantineRow
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.commands.ingest import print_receipt, received
from lakehouse.cli.output import printing
from lakehouse.cli.output.tables import print_table
from lakehouse.config import Settings
from lakehouse.domain.counts import counted
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.caller import Caller
from lakehouse.service.ingest.held import Held, chosen_of, options_of
from lakehouse.service.ingest.plan import IngestPlan

if TYPE_CHECKING:
    from lakehouse.formats.quarantine import QuarantinedRow
    from lakehouse.service.service import Service

SHOWN = 1_000
"""Rows that a table has at most."""
_COLUMNS = ("seq", "line", "column", "reason", "raw")


async def quarantine(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse quarantine NAME [--key KEY] [--csv | --retry [FILE|-]]`."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "quarantine")
        name, held = await service.quarantine.held(caller, arguments.name)
        chosen = chosen_of(name, held, arguments.key)
        if arguments.retry is not None:
            return await _retry(arguments, service, caller, name, chosen)
        if arguments.csv:
            await _write(service, caller, name, chosen)
        else:
            await _list(arguments, service, caller, chosen)
    return 0


COMMANDS = {"quarantine": quarantine}


async def _list(
    arguments: argparse.Namespace, service: "Service", caller: Caller, chosen: list[Held]
) -> None:
    """Print the rows: all of them as JSON, the first SHOWN as a table."""
    shown: list[QuarantineRow] = []
    for each in chosen:
        async with service.quarantine.rows(caller, each) as found:
            for aside in found if arguments.json else islice(found, SHOWN - len(shown)):
                row = _row(each, aside)
                if arguments.json:
                    printing.document(row)
                else:
                    shown.append(row)
    if not arguments.json:
        cells = [[getattr(row, name) for name in _COLUMNS] for row in shown]
        print_table(_COLUMNS, cells, pager=not arguments.no_pager)
        left = sum(each.row_count for each in chosen) - len(shown)
        if left:
            printing.message(f"{counted(left, 'more row')}; --csv and --json print all of them")


def _row(held: Held, aside: "QuarantinedRow") -> QuarantineRow:
    text = aside.raw.decode(held.options.encoding, "backslashreplace")
    return QuarantineRow(held.key, held.seq, aside.line, aside.column, aside.reason, text)


async def _write(service: "Service", caller: Caller, name: str, chosen: list[Held]) -> None:
    """Write the rows to stdout as a file in the format that they arrived in."""
    if sys.stdout.isatty():
        raise RefusedError(
            Refused(
                "usage", "raw rows cannot go to a terminal: redirect stdout to a file or a pipe"
            )
        )
    out = sys.stdout.buffer
    async for piece in service.quarantine.as_file(caller, name, chosen, options_of(chosen)):
        out.write(piece)
    out.flush()


async def _retry(
    arguments: argparse.Namespace,
    service: "Service",
    caller: Caller,
    name: str,
    chosen: list[Held],
) -> int:
    """Append the rows and remove them from quarantine, in one event."""
    began_s = time.monotonic()
    options = options_of(chosen)
    if arguments.on_error is not None:
        options = msgspec.structs.replace(options, on_error=arguments.on_error)
    keys = tuple(sorted(each.key for each in chosen))
    plan = IngestPlan(name, "append", options, resolves=keys)
    # Without a file the rows are sent unchanged: the dataset's schema may have been widened.
    unchanged = service.quarantine.as_file(caller, name, chosen, options)
    incoming = received(service, caller, arguments.retry, None if arguments.retry else unchanged)
    async with incoming as upload:
        receipt = await service.ingest.ingest(caller, plan, upload)
    return print_receipt(arguments, receipt, time.monotonic() - began_s)
