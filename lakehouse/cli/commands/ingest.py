"""`lakehouse ingest`: a file, or what comes on stdin, becomes a dataset."""

import argparse
import asyncio
import re
import stat
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from lakehouse.api.receipts import Receipt
from lakehouse.cli import printing, progress
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.config import Settings
from lakehouse.domain.errors import Body, Refused, RefusedError
from lakehouse.domain.progress import ProgressCallback
from lakehouse.domain.validation import check_name
from lakehouse.formats.file_formats import format_of_file_name, without_compression_suffix
from lakehouse.formats.option_parsing import parse_options
from lakehouse.formats.options import Options
from lakehouse.process.spool import Spooled, spooled
from lakehouse.service.ingest.use_case import IngestPlan
from lakehouse.service.service import Service

PIECE_BYTES = 1024 * 1024
STDIN = "-"
_MEGABYTE = 1_000_000
_ODD = re.compile(r"[^A-Za-z0-9_]")


async def ingest(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse ingest FILE|- [--name NAME]`."""
    plan = IngestPlan(
        _name(arguments),
        arguments.mode,
        options_of(arguments),
        schema_change=arguments.schema_change,
        dedupe=arguments.dedupe is not None,
    )
    check_name(plan.name)
    began_s = time.monotonic()
    async with service_for(settings, begin=not arguments.dry_run) as service:
        caller = caller_of(service, arguments, "ingest")
        async with received(service, arguments.file) as file:
            work = service.ingest.rehearse if arguments.dry_run else service.ingest.ingest
            with progress.counting(f"{plan.name}: rows written") as reached:
                receipt = await work(plan, file, caller, reached=reached)
    if arguments.json:
        printing.document(receipt.body)
    elif arguments.dry_run:
        _tell_rehearsal(receipt.body)
    else:
        tell(receipt, time.monotonic() - began_s)
    return 0


COMMANDS = {"ingest": ingest}


@asynccontextmanager
async def received(
    service: Service, name: str, pieces: AsyncIterator[bytes] | None = None
) -> AsyncIterator[Spooled]:
    """A file, or stdin, or these pieces, spooled; on a terminal with a bar of the bytes."""
    async with AsyncExitStack() as stack:
        with progress.transferring(f"{name}: received", _size_bytes(name)) as reached:
            context = spooled(
                pieces or _pieces(name, reached),
                service.spool_dir,
                service.limits.upload_bytes,
                service.pool,
            )
            file = await stack.enter_async_context(context)
        yield file


def tell(receipt: Receipt, elapsed_s: float) -> None:
    """The receipt to stdout; how long it took to stderr, for a person who watches."""
    body = receipt.body
    detail = "already there" if body["reused"] else f"{body['rows_ingested']} rows"
    printing.line(f"{body['name']}: {detail}, {body['row_count']} in all, event {receipt.seq}")
    if body["rows_quarantined"]:
        printing.line(
            f"{body['rows_quarantined']} rows are in quarantine: lakehouse quarantine {body['name']}",
            sys.stderr,
        )
    size_bytes = _received_bytes(body)
    if sys.stderr.isatty():
        size, rate = size_bytes / _MEGABYTE, size_bytes / _MEGABYTE / max(elapsed_s, 1e-6)
        printing.line(f"{size:,.1f} MB in {elapsed_s:.1f} s, {rate:,.1f} MB/s", sys.stderr)


def options_of(arguments: argparse.Namespace) -> Options:
    """The options of reading that were given; the format also by the file's name."""
    pairs = [
        (name, value)
        for name in ("delimiter", "encoding", "header", "on_error")
        if (value := getattr(arguments, name)) is not None
    ]
    pairs += [("null", value) for value in arguments.null or ()]
    pairs += [("types", value) for value in arguments.types or ()]
    format_ = arguments.format or format_of_file_name(arguments.file)
    pairs += [("format", format_)] if format_ else []
    options = parse_options(pairs)
    if isinstance(options, Refused):
        raise RefusedError(options)
    return options


def _name(arguments: argparse.Namespace) -> str:
    """The dataset's name: as given, or made of the file's."""
    if arguments.name is not None:
        return str(arguments.name)
    if arguments.file == STDIN:
        raise RefusedError(Refused("usage", "what comes on stdin has no name: give --name"))
    stem = _ODD.sub("_", Path(without_compression_suffix(Path(arguments.file).name)).stem)[:127]
    return f"_{stem}" if stem[:1].isdigit() else stem


def _tell_rehearsal(body: Body) -> None:
    printing.line(f"{body['name']}: {body['outcome']}, as of event {body['seq']}; nothing is done")
    for name in ("rows_good", "rows_bad", "schema", "bad_rows", "refused"):
        if body[name] not in (None, [], 0):
            printing.line(f"{name}: {msgspec.json.encode(body[name]).decode()}")


def _received_bytes(body: Body) -> int:
    source = body["source"]
    found = source.get("size_bytes") if isinstance(source, dict) else None
    return found if isinstance(found, int) else 0


def _size_bytes(name: str) -> int | None:
    """How large a regular file is; None for what tells only by ending."""
    try:
        found = Path(name).stat() if name != STDIN else None
    except OSError:
        return None
    return found.st_size if found and stat.S_ISREG(found.st_mode) else None


async def _pieces(name: str, reached: ProgressCallback) -> AsyncIterator[bytes]:
    done = 0
    try:
        opened = sys.stdin.buffer if name == STDIN else await asyncio.to_thread(open, name, "rb")
        with opened as file:
            while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
                yield piece
                done += len(piece)
                reached(done)
    except OSError as error:
        detail = f"{name}: {error.strerror}"
        raise RefusedError(Refused("missing_file", detail)) from error
