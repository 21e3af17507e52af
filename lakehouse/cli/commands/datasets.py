"""`lakehouse datasets`, `show`, `drop`, `restore` and `history`: the catalog."""

import argparse
import sys
from collections.abc import Callable, Coroutine

from lakehouse.cli import printing
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.tables import print_table
from lakehouse.config import Settings
from lakehouse.domain.errors import Body


async def list_datasets(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse datasets`."""
    async with service_for(settings) as service:
        listing = await service.catalog.list("", sys.maxsize, None, summary=True)
    _print_rows(arguments, listing.rows, ("name", "row_count", "updated_at", "seq"))
    return 0


async def show(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse show NAME`: a line of totals and a table of columns; the objects only as JSON."""
    async with service_for(settings) as service:
        receipt = await service.catalog.manifest(arguments.name, arguments.as_of)
    if arguments.json:
        printing.document(receipt.body)
    else:
        _print_dataset(arguments, receipt.body)
    return 0


async def drop(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse drop NAME`."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "drop")
        receipt = await service.catalog.drop(arguments.name, caller)
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
    _print_rows(arguments, listing.rows, ("seq", "at", "type", "actor", "reason"))
    return 0


Command = Callable[[argparse.Namespace, Settings], Coroutine[None, None, int]]
COMMANDS: dict[str, Command] = {
    "datasets": list_datasets,
    "show": show,
    "drop": drop,
    "restore": restore,
    "history": history,
}


def _print_rows(arguments: argparse.Namespace, rows: list[Body], names: tuple[str, ...]) -> None:
    if arguments.json:
        for row in rows:
            printing.document(row)
    else:
        cells = [[row.get(name) for name in names] for row in rows]
        print_table(names, cells, pager=not arguments.no_pager)


def _print_dataset(arguments: argparse.Namespace, body: Body) -> None:
    objects = body["objects"] if isinstance(body["objects"], list) else []
    sizes = [each["size_bytes"] for each in objects if isinstance(each, dict)]
    size_bytes = sum(size for size in sizes if isinstance(size, int))
    rows = "unknown number of" if body["row_count"] is None else f"{body['row_count']:,}"
    title = (
        f"{body['name']}: {rows} rows, {len(objects):,} objects, {size_bytes:,} bytes",
        f"updated {body['updated_at']}, event {body['seq']}; fingerprint {body['schema_fingerprint']}",
        "",
    )
    schema = body["schema"] if isinstance(body["schema"], list) else []
    columns = [[each["name"], each["type"]] for each in schema if isinstance(each, dict)]
    print_table(("column", "type"), columns, pager=not arguments.no_pager, title=title)
