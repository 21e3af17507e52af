"""`lakehouse stream`: appends the lines of stdin while they come, and prints what is committed."""

import argparse
import sys

from lakehouse.api.ingest.stream import StreamAck, StreamTotal
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.commands.ingest import STDIN, pieces_of_file
from lakehouse.cli.output import printing
from lakehouse.config import Settings
from lakehouse.domain.counts import counted
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.progress import ignore_progress
from lakehouse.formats.option_parsing import parse_options
from lakehouse.formats.options import NDJSON, Options
from lakehouse.no_lake import NoLake
from lakehouse.service.ingest.plan import IngestPlan, check_plan


async def stream(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse stream DATASET`."""
    plan = IngestPlan(
        arguments.name,
        "append",
        _options(arguments),
        schema_change=arguments.schema_change,
    )
    check_plan(plan)
    async with service_for(settings, no_lake=NoLake.CREATE) as service:
        caller = caller_of(service, arguments, "stream")

        def acknowledge(ack: StreamAck) -> None:
            _print(arguments, ack, f"event {ack.seq}")

        async with service.streams.open(caller, plan, arguments.first_line) as opened:
            if opened.resumed is not None:
                acknowledge(opened.resumed)
            total = await opened.receive(pieces_of_file(STDIN, ignore_progress), acknowledge)
        _print(arguments, total, counted(total.groups, "group"))
    return 0


COMMANDS = {"stream": stream}


def _print(arguments: argparse.Namespace, found: StreamAck | StreamTotal, detail: str) -> None:
    """Print a line at once: whoever reads a pipe waits for it."""
    first, stop = found.lines
    aside = f", {found.rows_quarantined} in quarantine" if found.rows_quarantined else ""
    text = f"lines {first} to {stop - 1}: {counted(found.rows, 'row')}{aside}, {detail}"
    ended = isinstance(found, StreamTotal)
    printing.answer(found, f"{'ended, ' if ended else ''}{text}", as_json=arguments.json)
    sys.stdout.flush()


def _options(arguments: argparse.Namespace) -> Options:
    pairs = [("format", NDJSON), *(("types", value) for value in arguments.types or ())]
    given = (("missing", arguments.missing), ("on_error", arguments.on_error))
    options = parse_options(pairs + [(name, value) for name, value in given if value is not None])
    if isinstance(options, Refused):
        raise RefusedError(options)
    return options
