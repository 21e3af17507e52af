"""`lakehouse pin`, `unpin`, `pins`, `diff`, `why` and `undo`: earlier states of the lake."""

import argparse

from lakehouse.cli import printing
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.diff_table import print_diff
from lakehouse.cli.tables import print_table
from lakehouse.config import Settings
from lakehouse.domain.errors import Body


async def pin(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse pin NAME@SEQ|TIME`."""
    name, as_of = arguments.pinned
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "pin")
        receipt = await service.past.pin(name, as_of, caller, b"")
    return _print_change(arguments, receipt.body, f"{name}@{as_of}: pinned, event {receipt.seq}")


async def unpin(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse unpin NAME@SEQ`."""
    name, seq = arguments.pinned
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "unpin")
        receipt = await service.past.unpin(name, seq, caller, b"")
    return _print_change(arguments, receipt.body, f"{name}@{seq}: pin removed, event {receipt.seq}")


async def pins(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse pins`."""
    async with service_for(settings) as service:
        receipt = await service.past.pins()
    return _print_rows(
        arguments, receipt.body, "pins", ("name", "as_of_seq", "objects", "at", "actor", "reason")
    )


async def diff(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse diff --from SEQ|TIME [--to SEQ|TIME]`."""
    async with service_for(settings) as service:
        receipt = await service.past.diff(arguments.first, arguments.to)
    return _print_diff(arguments, receipt.body)


async def undo(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse undo SEQ [--apply]`: shows the differences; with --apply makes the change."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "undo")
        receipt = await service.past.undo(arguments.seq, caller, b"", dry_run=not arguments.apply)
    body = receipt.body
    if not arguments.json:
        change = body["type"] or "no change is needed"
        detail = f"done, event {receipt.seq}" if arguments.apply else "--apply makes the change"
        printing.line(f"undo of {body['undone_type']}, event {body['undoes']}: {change}; {detail}")
    return _print_diff(arguments, body)


async def why(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse why NAME [--row CONDITION]`."""
    async with service_for(settings, queries=arguments.row is not None) as service:
        receipt = await service.why.why(arguments.name, arguments.row)
    if arguments.json:
        printing.document(receipt.body)
        return 0
    objects = receipt.body["objects"]
    if not objects:
        printing.message("no object has such rows")
    for each in objects if isinstance(objects, list) else []:
        if isinstance(each, dict):
            _print_origin(each)
    return 0


COMMANDS = {"why": why, "pin": pin, "unpin": unpin, "pins": pins, "diff": diff, "undo": undo}


def _print_origin(row: Body) -> None:
    event, source = row["event"], row["source"]
    rows = f"{row['matching_rows']} of " if "matching_rows" in row else ""
    printing.line(f"{row['key']}: {rows}{row['row_count']} rows, {row['size_bytes']} bytes")
    if isinstance(event, dict):
        detail = f"event {event['seq']}, {event['type']}, {event['at']}, {event['actor']}"
        printing.line(f"  {detail}" + (f": {event['reason']}" if event["reason"] else ""))
    if isinstance(source, dict):
        printing.line(f"  from a file of {source['size_bytes']} bytes, sha256 {source['sha256']}")


def _print_change(arguments: argparse.Namespace, body: Body, text: str) -> int:
    if arguments.json:
        printing.document(body)
    else:
        printing.line(text)
    return 0


def _print_diff(arguments: argparse.Namespace, body: Body) -> int:
    if arguments.json:
        printing.document(body)
    else:
        print_diff(body["datasets"], pager=not arguments.no_pager)
    return 0


def _print_rows(
    arguments: argparse.Namespace, body: Body, rows: str, names: tuple[str, ...]
) -> int:
    found = body[rows]
    if arguments.json:
        printing.document(body)
    elif isinstance(found, list):
        cells = [[row.get(name) for name in names] for row in found if isinstance(row, dict)]
        print_table(names, cells, pager=not arguments.no_pager)
    return 0
