"""Commands that put the past to use: pins, differences, undoing."""

import argparse
import sys

from lakehouse.cli import printing
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.differences import tell_differences
from lakehouse.config import Settings
from lakehouse.domain.errors import Body, Refused, RefusedError


async def pin(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse pin NAME@SEQ`."""
    name, as_of = _moment(arguments.moment)
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "pin")
        receipt = await service.past.pin(name, as_of, caller, b"")
    return _tell(arguments, receipt.body, f"{name}@{as_of}: kept, event {receipt.seq}")


async def unpin(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse unpin NAME@SEQ`."""
    name, as_of = _moment(arguments.moment)
    if not as_of.isdecimal() or not as_of.isascii():
        raise RefusedError(Refused("usage", "a pin is named by its event, as `pins` tells"))
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "unpin")
        receipt = await service.past.unpin(name, int(as_of), caller, b"")
    return _tell(arguments, receipt.body, f"{name}@{as_of}: no longer kept, event {receipt.seq}")


async def pins(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse pins`."""
    async with service_for(settings) as service:
        receipt = await service.past.pins()
    return _table(
        arguments, receipt.body, "pins", ("name", "as_of_seq", "objects", "at", "actor", "reason")
    )


async def diff(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse diff --from A --to B`."""
    async with service_for(settings) as service:
        receipt = await service.past.diff(arguments.first, arguments.to)
    return _differences(arguments, receipt.body)


async def undo(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse undo SEQ [--apply]`: tells what would differ, and does it if it is told to."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "undo")
        receipt = await service.past.undo(arguments.seq, caller, b"", dry_run=not arguments.apply)
    body = receipt.body
    if not arguments.json:
        what = body["type"] or "nothing: it is so already"
        detail = f"done, event {receipt.seq}" if arguments.apply else "--apply does it"
        printing.line(f"undoes {body['undone_type']} {body['undoes']} by {what}; {detail}")
    return _differences(arguments, body)


async def why(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse why NAME [--row "WHERE …"]`."""
    async with service_for(settings, queries=arguments.row is not None) as service:
        receipt = await service.why.why(arguments.name, arguments.row)
    if arguments.json:
        printing.document(receipt.body)
        return 0
    objects = receipt.body["objects"]
    if not objects:
        printing.line("no object has such rows", sys.stderr)
    for each in objects if isinstance(objects, list) else []:
        if isinstance(each, dict):
            _why(each)
    return 0


COMMANDS = {"why": why, "pin": pin, "unpin": unpin, "pins": pins, "diff": diff, "undo": undo}


def _why(row: Body) -> None:
    event, source = row["event"], row["source"]
    rows = f"{row['matching_rows']} of " if "matching_rows" in row else ""
    printing.line(f"{row['key']}: {rows}{row['row_count']} rows, {row['size_bytes']} bytes")
    if isinstance(event, dict):
        detail = f"event {event['seq']}, {event['type']}, {event['at']}, {event['actor']}"
        printing.line(f"  {detail}" + (f": {event['reason']}" if event["reason"] else ""))
    if isinstance(source, dict):
        printing.line(f"  of a file of {source['size_bytes']} bytes, sha256 {source['sha256']}")


def _moment(text: str) -> tuple[str, str]:
    name, at, as_of = text.partition("@")
    if not at or not as_of:
        raise RefusedError(Refused("usage", f"{text!r} is not NAME@SEQ"))
    return name, as_of


def _tell(arguments: argparse.Namespace, body: Body, text: str) -> int:
    if arguments.json:
        printing.document(body)
    else:
        printing.line(text)
    return 0


def _differences(arguments: argparse.Namespace, body: Body) -> int:
    if arguments.json:
        printing.document(body)
    else:
        tell_differences(body["datasets"])
    return 0


def _table(arguments: argparse.Namespace, body: Body, rows: str, names: tuple[str, ...]) -> int:
    found = body[rows]
    if arguments.json:
        printing.document(body)
    elif isinstance(found, list):
        cells = [[row.get(name) for name in names] for row in found if isinstance(row, dict)]
        printing.table(names, cells)
    return 0
