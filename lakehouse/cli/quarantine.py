"""`lakehouse quarantine NAME`: what was set aside, as a list or as a file to mend, and its retry."""

import argparse
import codecs
import csv
import io
import sys
import time
from itertools import islice

import msgspec

from lakehouse.cli import printing
from lakehouse.cli.asking import asking_for, service_for
from lakehouse.cli.ingest import received, tell
from lakehouse.config import Settings
from lakehouse.errors import Refused, RefusedError
from lakehouse.ingest import Options
from lakehouse.ingest.encoding import UNDECODABLE
from lakehouse.ingest.options import CSV
from lakehouse.ingest.quarantine import Aside
from lakehouse.receipts import Body
from lakehouse.service import Service
from lakehouse.service.ingest import Plan
from lakehouse.service.quarantine import Held
from projections.catalog import Dataset

SHOWN = 1_000
"""How many rows a table has at most."""
_COLUMNS = ("seq", "line", "column", "reason", "raw")


async def quarantine(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse quarantine NAME [--key KEY] [--csv | --retry FILE|-]`."""
    async with service_for(settings) as service:
        dataset, held = service.quarantine.held(arguments.name)
        chosen = [each for each in held if arguments.key in (None, each.key)]
        if arguments.key is not None and not chosen:
            told = f"{dataset.name} has no quarantine {arguments.key!r}"
            raise RefusedError(Refused("quarantine_not_found", told))
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


def _row(held: Held, aside: Aside) -> Body:
    text = aside.raw.decode(held.options.encoding, "backslashreplace")
    where: Body = {"key": held.key, "seq": held.seq, "line": aside.line, "column": aside.column}
    return where | {"reason": aside.reason, "raw": text}


async def _write(service: Service, dataset: Dataset, chosen: list[Held]) -> None:
    """The rows as a file like the one that they came in, to stdout: mended, it can be retried."""
    if sys.stdout.isatty():
        raise RefusedError(
            Refused("usage", "raw rows are not for a terminal: use a file or a pipe")
        )
    out, options = sys.stdout.buffer, _options(chosen)
    encoder = codecs.getincrementalencoder(options.encoding)(UNDECODABLE)
    if options.format == CSV and options.header:
        out.write(encoder.encode(_header(dataset, options)))
    for each in chosen:
        async with service.quarantine.rows(each) as found:
            for aside in found:
                text = aside.raw.decode(options.encoding, UNDECODABLE)
                out.write(encoder.encode(f"{text}\n"))
    out.flush()


def _header(dataset: Dataset, options: Options) -> str:
    line = io.StringIO()
    names = [column.name for column in dataset.schema or ()]
    csv.writer(line, delimiter=options.delimiter, lineterminator="\n").writerow(names)
    return line.getvalue()


async def _retry(
    arguments: argparse.Namespace, service: Service, dataset: Dataset, chosen: list[Held]
) -> int:
    """The mended rows come in, and what they were leaves quarantine, at one event."""
    began_s = time.monotonic()
    options = _options(chosen)
    if arguments.on_error is not None:
        options = msgspec.structs.replace(options, on_error=arguments.on_error)
    keys = tuple(sorted(each.key for each in chosen))
    plan = Plan(dataset.name, "append", options, retries=keys)
    asking = asking_for(service, arguments, "quarantine")
    async with received(service, arguments.retry) as file:
        receipt = await service.ingest.ingest(plan, file, asking)
    if arguments.json:
        printing.document(receipt.body)
    else:
        tell(receipt, time.monotonic() - began_s)
    return 0


def _options(chosen: list[Held]) -> Options:
    """How all the chosen rows' sources were read; one file can be read in one way only."""
    options = {msgspec.structs.replace(each.options, on_error="reject") for each in chosen}
    if not options:
        raise RefusedError(Refused("quarantine_not_found", "nothing is in quarantine"))
    if len(options) > 1:
        told = "they came in files that were read differently: choose one by --key"
        raise RefusedError(Refused("usage", told))
    return options.pop()
