"""Commands about data, through the same service that HTTP uses, on the bucket itself."""

import argparse
import sys
from collections.abc import Callable, Coroutine

import msgspec

from lakehouse.cli import printing
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.config import Settings
from lakehouse.domain.errors import Body


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
        receipt = await service.catalog.drop(arguments.name, caller_of(service, arguments, "drop"))
    if arguments.json:
        printing.document(receipt.body)
    else:
        printing.line(f"{receipt.body['name']}: dropped, event {receipt.seq}")
    return 0


async def restore(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse restore NAME --as-of SEQ|TIME`."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "restore")
        receipt = await service.catalog.restore(arguments.name, arguments.as_of, caller, b"")
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
    "datasets": list_datasets,
    "show": show,
    "drop": drop,
    "restore": restore,
    "history": history,
}


def _rows(arguments: argparse.Namespace, rows: list[Body], names: tuple[str, ...]) -> None:
    if arguments.json:
        for row in rows:
            printing.document(row)
    else:
        printing.table(names, [[row.get(name) for name in names] for row in rows])
