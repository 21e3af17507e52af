"""`lakehouse quarantine NAME`: what was set aside, as a list or as a file to mend, and its retry."""

import argparse
import sys
import time
from itertools import islice

import msgspec

from lakehouse.cli import printing
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.commands.ingest import received, tell
from lakehouse.config import Settings
from lakehouse.domain.errors import Body, Refused, RefusedError
from lakehouse.formats.quarantine import QuarantinedRow
from lakehouse.service.ingest.quarantine import Held, options_of
from lakehouse.service.ingest.use_case import IngestPlan
from lakehouse.service.service import Service
from projections.catalog import Dataset

SHOWN = 1_000
"""How many rows a table has at most."""
_COLUMNS = ("seq", "line", "column", "reason", "raw")


async def quarantine(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse quarantine NAME [--key KEY] [--csv | --retry [FILE|-]]`."""
    async with service_for(settings) as service:
        dataset, held = service.quarantine.held(arguments.name)
        chosen = [each for each in held if arguments.key in (None, each.key)]
        if arguments.key is not None and not chosen:
            detail = f"{dataset.name} has no quarantine {arguments.key!r}"
            raise RefusedError(Refused("quarantine_not_found", detail))
        if arguments.retry is not None:
            return await _retry(arguments, service, dataset, chosen)
        if arguments.csv:
            await _write(service, dataset, chosen)
        else:
            await _list(arguments, service, chosen)
    return 0


COMMANDS = {"quarantine": quarantine}


async def _list(arguments: argparse.Namespace, service: Service, chosen: list[Held]) -> None:
    """Every row to a machine; to a person so many that they can be looked at."""
    shown: list[Body] = []
    for each in chosen:
        async with service.quarantine.rows(each) as found:
            for aside in found if arguments.json else islice(found, SHOWN - len(shown)):
                row = _row(each, aside)
                if arguments.json:
                    printing.document(row)
                else:
                    shown.append(row)
    if not arguments.json:
        printing.table(_COLUMNS, [[row[name] for name in _COLUMNS] for row in shown])
        left = sum(each.row_count for each in chosen) - len(shown)
        if left:
            printing.line(f"and {left} more: --csv or --json have them all", sys.stderr)


def _row(held: Held, aside: QuarantinedRow) -> Body:
    text = aside.raw.decode(held.options.encoding, "backslashreplace")
    where: Body = {"key": held.key, "seq": held.seq, "line": aside.line, "column": aside.column}
    return where | {"reason": aside.reason, "raw": text}


async def _write(service: Service, dataset: Dataset, chosen: list[Held]) -> None:
    """The rows as a file like the one that they came in, to stdout: mended, it can be retried."""
    if sys.stdout.isatty():
        raise RefusedError(
            Refused("usage", "raw rows are not for a terminal: use a file or a pipe")
        )
    out = sys.stdout.buffer
    async for piece in service.quarantine.as_file(dataset, chosen, options_of(chosen)):
        out.write(piece)
    out.flush()


async def _retry(
    arguments: argparse.Namespace, service: Service, dataset: Dataset, chosen: list[Held]
) -> int:
    """The mended rows come in, and what they were leaves quarantine, at one event."""
    began_s = time.monotonic()
    options = options_of(chosen)
    if arguments.on_error is not None:
        options = msgspec.structs.replace(options, on_error=arguments.on_error)
    keys = tuple(sorted(each.key for each in chosen))
    plan = IngestPlan(dataset.name, "append", options, retries=keys)
    caller = caller_of(service, arguments, "quarantine")
    # Without a file the rows are sent as they are: the dataset may have become wider since.
    own = service.quarantine.as_file(dataset, chosen, options)
    incoming = received(service, arguments.retry, None if arguments.retry else own)
    async with incoming as file:
        receipt = await service.ingest.ingest(plan, file, caller)
    if arguments.json:
        printing.document(receipt.body)
    else:
        tell(receipt, time.monotonic() - began_s)
    return 0
