"""Commands about data, through the same service that HTTP uses, on the bucket itself."""

import argparse
import asyncio
import getpass
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import msgspec

from lakehouse.cli import printing
from lakehouse.config import Settings
from lakehouse.errors import Refused, RefusedError
from lakehouse.ingest import Options, parse_options
from lakehouse.query import Query
from lakehouse.receipts import Body
from lakehouse.service import Service
from lakehouse.service.changes import Asking
from lakehouse.service.ingest import Plan
from lakehouse.spool import spooled
from lakehouse.wiring import service_of

PIECE_BYTES = 1024 * 1024


async def ingest(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse ingest FILE|- --name NAME`."""
    plan = Plan(
        arguments.name,
        arguments.mode,
        _options(arguments),
        schema_change=arguments.schema_change is not None,
        dedupe=arguments.dedupe is not None,
    )
    async with _service(settings, begin=True) as service:
        asking = _asking(service, arguments, "ingest")
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
    return 0


async def sql(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse sql "SELECT …"`."""
    async with (
        _service(settings, queries=True) as service,
        service.sql.run(Query(arguments.sql), arguments.as_of) as (result, _),
    ):
        text = b"".join([chunk async for chunk in result.chunks])
    answer = msgspec.json.decode(text)
    if arguments.json or arguments.format == "json":
        printing.document(answer)
    else:
        printing.table([column["name"] for column in answer["columns"]], answer["rows"])
    return 0


async def list_datasets(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse datasets`."""
    async with _service(settings) as service:
        listing = await service.catalog.list("", sys.maxsize, None, summary=True)
    _rows(arguments, listing.rows, ("name", "row_count", "updated_at", "seq"))
    return 0


async def show(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse show NAME`."""
    async with _service(settings) as service:
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
    async with _service(settings) as service:
        receipt = await service.catalog.drop(arguments.name, _asking(service, arguments, "drop"))
    if arguments.json:
        printing.document(receipt.body)
    else:
        printing.line(f"{receipt.body['name']}: dropped, event {receipt.seq}")
    return 0


async def history(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse history NAME`."""
    async with _service(settings) as service:
        listing = await service.catalog.history(arguments.name, 0, sys.maxsize)
    _rows(arguments, listing.rows, ("seq", "at", "type", "actor", "reason"))
    return 0


Command = Callable[[argparse.Namespace, Settings], Coroutine[None, None, int]]
COMMANDS: dict[str, Command] = {
    "ingest": ingest,
    "sql": sql,
    "datasets": list_datasets,
    "show": show,
    "drop": drop,
    "history": history,
}


@asynccontextmanager
async def _service(
    settings: Settings, *, queries: bool = False, begin: bool = False
) -> AsyncIterator[Service]:
    """A service for one command; only one that brings data may begin a lake."""
    one_worker = msgspec.structs.replace(settings, query_workers=1)
    async with service_of(
        one_worker, os.environ, lambda: None, queries=queries, begin=begin
    ) as service:
        yield service


def _asking(service: Service, arguments: argparse.Namespace, route: str) -> Asking:
    """Who: user@host. What makes two requests the same: every word but where the bucket is."""
    words = {name: value for name, value in vars(arguments).items() if name not in _NOT_ASKED}
    return Asking(
        actor=f"{getpass.getuser()}@{socket.gethostname()}",
        accepted_s=service.node.clock.monotonic(),
        reason=arguments.reason,
        key=arguments.idempotency_key,
        route=f"cli {route}",
        query=tuple((name, str(value)) for name, value in words.items()),
    )


_NOT_ASKED = ("bucket", "config", "secrets_file", "json", "reason", "idempotency_key", "file")


def _options(arguments: argparse.Namespace) -> Options:
    pairs = [
        (name, value)
        for name in ("delimiter", "encoding", "header")
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
