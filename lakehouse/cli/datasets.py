"""Commands about data, through the same service that HTTP uses, on the bucket itself."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine

import msgspec

from lakehouse.cli import printing
from lakehouse.cli.asking import asking_for, service_for
from lakehouse.config import Settings
from lakehouse.errors import Refused, RefusedError
from lakehouse.ingest import Options, parse_options
from lakehouse.receipts import Body
from lakehouse.service.ingest import Plan
from lakehouse.spool import spooled

PIECE_BYTES = 1024 * 1024


async def ingest(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse ingest FILE|- --name NAME`."""
    plan = Plan(
        arguments.name,
        arguments.mode,
        _options(arguments),
        schema_change=arguments.schema_change,
        dedupe=arguments.dedupe is not None,
    )
    async with service_for(settings, begin=True) as service:
        asking = asking_for(service, arguments, "ingest")
        limit = service.limits.upload_bytes
        pieces = _pieces(arguments.file)
        async with spooled(pieces, service.spool_dir, limit, service.pool) as file:
            receipt = await service.ingest.ingest(plan, file, asking)
    if arguments.json:
        printing.document(receipt.body)
    else:
        body = receipt.body
        told = "already there" if body["reused"] else f"{body['rows_ingested']} rows"
        printing.line(f"{body['name']}: {told}, {body['row_count']} in all, event {receipt.seq}")
        if body["rows_quarantined"]:
            printing.line(f"{body['rows_quarantined']} rows are in quarantine", sys.stderr)
    return 0


async def list_datasets(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse datasets`."""
    async with service_for(settings) as service:
        listing = await service.catalog.list("", sys.maxsize, None, summary=True)
    _rows(arguments, listing.rows, ("name", "row_count", "updated_at", "seq"))
    return 0


async def show(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse show NAME`."""
    async with service_for(settings) as service:
        receipt = await service.catalog.manifest(arguments.name, arguments.as_of)
    if arguments.json:
        printing.document(receipt.body)
    else:
        for name, value in receipt.body.items():
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            printing.line(f"{name}: {text}")
    return 0


async def drop(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse drop NAME`."""
    async with service_for(settings) as service:
        receipt = await service.catalog.drop(arguments.name, asking_for(service, arguments, "drop"))
    if arguments.json:
        printing.document(receipt.body)
    else:
        printing.line(f"{receipt.body['name']}: dropped, event {receipt.seq}")
    return 0


async def restore(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse restore NAME --as-of SEQ|TIME`."""
    async with service_for(settings) as service:
        asking = asking_for(service, arguments, "restore")
        receipt = await service.catalog.restore(arguments.name, arguments.as_of, asking, b"")
    if arguments.json:
        printing.document(receipt.body)
    else:
        body = receipt.body
        printing.line(f"{body['name']}: {body['row_count']} rows, event {receipt.seq}")
    return 0


async def history(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse history NAME`."""
    async with service_for(settings) as service:
        listing = await service.catalog.history(arguments.name, 0, sys.maxsize)
    _rows(arguments, listing.rows, ("seq", "at", "type", "actor", "reason"))
    return 0


Command = Callable[[argparse.Namespace, Settings], Coroutine[None, None, int]]
COMMANDS: dict[str, Command] = {
    "ingest": ingest,
    "datasets": list_datasets,
    "show": show,
    "drop": drop,
    "restore": restore,
    "history": history,
}


def _options(arguments: argparse.Namespace) -> Options:
    pairs = [
        (name, value)
        for name in ("delimiter", "encoding", "header", "on_error")
        if (value := getattr(arguments, name)) is not None
    ]
    pairs += [("null", value) for value in arguments.null or ()]
    pairs += [("types", value) for value in arguments.types or ()]
    options = parse_options(pairs)
    if isinstance(options, Refused):
        raise RefusedError(options)
    return options


async def _pieces(name: str) -> AsyncIterator[bytes]:
    try:
        with sys.stdin.buffer if name == "-" else await asyncio.to_thread(open, name, "rb") as file:
            while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
                yield piece
    except OSError as error:
        told = f"{name}: {error.strerror}"
        raise RefusedError(Refused("missing_file", told)) from error


def _rows(arguments: argparse.Namespace, rows: list[Body], names: tuple[str, ...]) -> None:
    if arguments.json:
        for row in rows:
            printing.document(row)
    else:
        printing.table(names, [[row.get(name) for name in names] for row in rows])
