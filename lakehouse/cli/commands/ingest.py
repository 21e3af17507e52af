"""`lakehouse ingest`: loads a file, or stdin, into a dataset."""

import argparse
import asyncio
import os
import re
import stat
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from journal.event_records import REPLACING_ROWS
from lakehouse.api.ingest.answers import IngestDryRun, IngestReceipt, StagedIngest
from lakehouse.api.versioned import Versioned
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.output import printing, progress
from lakehouse.config import Settings
from lakehouse.domain.counts import counted
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.progress import ProgressCallback
from lakehouse.formats.file_formats import format_of_file_name, without_compression_suffix
from lakehouse.formats.option_parsing import parse_options
from lakehouse.formats.options import Options
from lakehouse.no_lake import NoLake
from lakehouse.service.caller import Caller
from lakehouse.service.ingest.plan import IngestPlan, check_plan, key_columns

if TYPE_CHECKING:
    from lakehouse.service.ingest.use_case import Upload
    from lakehouse.service.service import Service

PIECE_BYTES = 1024 * 1024
STDIN = "-"
_MEGABYTE = 1_000_000
_READ = os.O_RDONLY | os.O_CLOEXEC
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]")


async def ingest(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse ingest FILE|- [--name NAME]`."""
    name, options = _name(arguments), options_of(arguments)
    with arguments_judged():
        plan = IngestPlan(
            name,
            arguments.mode,
            options,
            schema_change=arguments.schema_change,
            dedupe=arguments.dedupe is not None,
            key=key_columns(arguments.key or ()),
            where=arguments.where,
        )
        check_plan(plan)
    began_s = time.monotonic()
    no_lake = NoLake.EMPTY if arguments.dry_run else NoLake.CREATE
    searches = plan.mode in REPLACING_ROWS
    async with service_for(settings, queries=searches, no_lake=no_lake) as service:
        caller = caller_of(service, arguments, "ingest")
        async with received(service, caller, arguments.file) as upload:
            with progress.counting(f"{plan.name}: rows written") as reached:
                if arguments.dry_run:
                    report = await service.ingest.dry_run(caller, plan, upload, reached)
                    return _print_dry_run(arguments, report.body)
                if arguments.stage:
                    staged = await service.ingest.stage(caller, plan, upload, reached)
                    return print_staged(arguments, staged.body)
                receipt = await service.ingest.ingest(caller, plan, upload, reached)
    return print_receipt(arguments, receipt, time.monotonic() - began_s)


COMMANDS = {"ingest": ingest}


@contextmanager
def arguments_judged() -> Iterator[None]:
    """Refuse as `usage` what is wrong with the arguments, since nothing has been read yet."""
    try:
        yield
    except RefusedError as error:
        if error.refused.code != "invalid_request":
            raise
        raise RefusedError(Refused("usage", error.refused.detail)) from error


@asynccontextmanager
async def received(
    service: "Service", caller: Caller, name: str, pieces: AsyncIterator[bytes] | None = None
) -> AsyncIterator["Upload"]:
    """A file, stdin or `pieces`, received whole."""
    async with AsyncExitStack() as stack:
        with progress.transferring(f"{name}: received", _size_bytes(name)) as reached:
            receiving = service.ingest.received(caller, pieces or pieces_of_file(name, reached))
            upload = await stack.enter_async_context(receiving)
        yield upload


def print_receipt(
    arguments: argparse.Namespace, receipt: Versioned[IngestReceipt], elapsed_s: float
) -> int:
    """Print a receipt; on a terminal also how long it took, to stderr."""
    body = receipt.body
    if arguments.json:
        printing.document(body)
        return 0
    detail = "already ingested" if body.reused else _brought(arguments, body)
    printing.line(f"{body.name}: {detail}, {body.row_count} in total, event {receipt.seq}")
    if body.rows_quarantined:
        command = f"lakehouse quarantine {body.name}"
        printing.message(f"quarantined {counted(body.rows_quarantined, 'row')}; list: `{command}`")
    for column in body.rounded:
        values = counted(column.count, "value")
        printing.message(f"column {column.name}: rounded {values} to doubles")
    if body.hint:
        printing.message(body.hint)
    size_bytes = body.source.size_bytes if body.source else 0
    if sys.stderr.isatty():
        size, rate = size_bytes / _MEGABYTE, size_bytes / _MEGABYTE / max(elapsed_s, 1e-6)
        printing.message(f"{size:,.1f} MB in {elapsed_s:.1f} s, {rate:,.1f} MB/s")
    return 0


def _brought(arguments: argparse.Namespace, body: IngestReceipt) -> str:
    """The number of rows that the ingest added. It is known unless an earlier ingest is reused."""
    added = counted(body.rows_ingested or 0, "row")
    replaces = getattr(arguments, "mode", None) in REPLACING_ROWS
    return f"{added} in place of {body.rows_removed}" if replaces else added


def options_of(arguments: argparse.Namespace) -> Options:
    """The reader options that were given; the format by the file's extension unless it was given."""
    pairs = [
        (name, value)
        for name in ("delimiter", "encoding", "header", "missing", "on_error")
        if (value := getattr(arguments, name)) is not None
    ]
    if arguments.min_rows is not None:
        pairs.append(("min_rows", str(arguments.min_rows)))
    pairs += [("null", value) for value in arguments.null or ()]
    pairs += [("types", value) for value in arguments.types or ()]
    format_ = arguments.format or format_of_file_name(arguments.file)
    pairs += [("format", format_)] if format_ else []
    options = parse_options(pairs)
    if isinstance(options, Refused):
        raise RefusedError(options)
    return options


def _name(arguments: argparse.Namespace) -> str:
    """The dataset's name: as given, or derived from the file's."""
    if arguments.name is not None:
        return str(arguments.name)
    if arguments.file == STDIN:
        raise RefusedError(Refused("usage", "stdin has no file name: add --name"))
    stem = _NOT_IN_NAMES.sub("_", Path(without_compression_suffix(Path(arguments.file).name)).stem)[
        :127
    ]
    return f"_{stem}" if stem[:1].isdigit() else stem


def _print_dry_run(arguments: argparse.Namespace, body: IngestDryRun) -> int:
    if arguments.json:
        printing.document(body)
        return 0
    printing.line(f"{body.name}: {body.outcome} at event {body.seq}; dry run, no change made")
    for name in ("rows_good", "rows_bad", "schema", "bad_rows", "refused"):
        value = getattr(body, name)
        if value not in (None, [], 0):
            printing.line(f"{name}: {msgspec.json.encode(value).decode()}")
    for each in body.type_reasons:
        where = f"line {each.line}: " if each.line is not None else ""
        printing.line(f"type of {each.name}: {where}{each.reason}")
    return 0


def print_staged(arguments: argparse.Namespace, body: StagedIngest) -> int:
    """Print the id of what was staged; what it is, to stderr."""
    if arguments.json:
        printing.document(body)
    else:
        printing.line(body.staged)
        detail = f"{body.name}: staged {counted(body.rows_ingested, 'row')} until {body.expires_at}"
        printing.message(f"{detail}; `lakehouse transaction` commits them")
    return 0


def _size_bytes(name: str) -> int | None:
    """The size of a regular file; None for stdin, a pipe or a device."""
    try:
        found = Path(name).stat() if name != STDIN else None
    except OSError:
        return None
    return found.st_size if found and stat.S_ISREG(found.st_mode) else None


async def pieces_of_file(name: str, reached: ProgressCallback) -> AsyncIterator[bytes]:
    """The bytes of a file, or of stdin as they come.

    Read with os.read: closing a buffered stream waits for a read of it, for ever on a terminal."""
    done = 0
    try:
        opened = name != STDIN
        descriptor = await asyncio.to_thread(os.open, name, _READ) if opened else sys.stdin.fileno()
        try:
            while piece := await asyncio.to_thread(os.read, descriptor, PIECE_BYTES):
                yield piece
                done += len(piece)
                reached(done)
        finally:
            if opened:
                os.close(descriptor)
    except OSError as error:
        detail = f"{name}: {error.strerror}"
        raise RefusedError(Refused("missing_file", detail)) from error
