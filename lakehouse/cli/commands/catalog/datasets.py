"""`lakehouse datasets`, `show`, `drop`, `restore` and `history`: the catalog."""

import argparse
import sys
from collections.abc import Callable, Coroutine, Sequence

import msgspec

from lakehouse.api.catalog.datasets import (
    HistoryQuery,
    ListDatasetsQuery,
    Manifest,
    RestoreRequest,
    ShowDatasetQuery,
)
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.output import printing
from lakehouse.cli.output.tables import print_table
from lakehouse.config import Settings
from lakehouse.domain.counts import counted


async def list_datasets(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse datasets`."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "datasets")
        everything = ListDatasetsQuery(limit=sys.maxsize, summary=True)
        found = await service.catalog.list(caller, everything)
    _print_rows(arguments, found.body.datasets, ("name", "row_count", "updated_at", "seq"))
    return 0


async def show(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse show NAME`: a line of totals and a table of columns; the objects only as JSON."""
    async with service_for(settings) as service:
        caller, query = caller_of(service, arguments, "show"), ShowDatasetQuery(arguments.as_of)
        found = await service.catalog.manifest(caller, arguments.name, query)
    if arguments.json:
        printing.document(found.body)
    else:
        _print_dataset(arguments, found.body)
    return 0


async def drop(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse drop NAME`."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "drop")
        found = await service.catalog.drop(caller, arguments.name)
    text = f"{found.body.name}: dropped, event {found.seq}"
    printing.answer(found.body, text, as_json=arguments.json)
    return 0


async def restore(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse restore NAME --as-of SEQ|TIME`."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "restore")
        request = RestoreRequest(arguments.name, arguments.as_of)
        found = await service.catalog.restore(caller, request)
    text = f"{found.body.name}: {_rows(found.body)}, event {found.seq}"
    printing.answer(found.body, text, as_json=arguments.json)
    return 0


async def history(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse history NAME`."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "history")
        everything = HistoryQuery(limit=sys.maxsize)
        found = await service.catalog.history(caller, arguments.name, everything)
    _print_rows(arguments, found.body.events, ("seq", "at", "type", "actor", "reason"))
    return 0


Command = Callable[[argparse.Namespace, Settings], Coroutine[None, None, int]]
COMMANDS: dict[str, Command] = {
    "datasets": list_datasets,
    "show": show,
    "drop": drop,
    "restore": restore,
    "history": history,
}


def _print_rows(
    arguments: argparse.Namespace, rows: Sequence[msgspec.Struct], names: tuple[str, ...]
) -> None:
    if arguments.json:
        for row in rows:
            printing.document(row)
    else:
        cells = [[getattr(row, name) for name in names] for row in rows]
        print_table(names, cells, pager=not arguments.no_pager)


def _rows(body: Manifest) -> str:
    return "unknown number of rows" if body.row_count is None else counted(body.row_count, "row")


def _print_dataset(arguments: argparse.Namespace, body: Manifest) -> None:
    size_bytes = sum(each.size_bytes for each in body.objects)
    title = (
        f"{body.name}: {_rows(body)}, {counted(len(body.objects), 'object')}, {counted(size_bytes, 'byte')}",
        f"updated {body.updated_at}, event {body.seq}; fingerprint {body.schema_fingerprint}",
        "",
    )
    columns = [[each.name, each.type] for each in body.schema or ()]
    print_table(("column", "type"), columns, pager=not arguments.no_pager, title=title)
