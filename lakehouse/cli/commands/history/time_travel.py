"""`lakehouse pin`, `unpin`, `pins`, `diff`, `why` and `undo`: earlier states of the lake."""

import argparse

from lakehouse.api.history.provenance import Upload, WhyQuery
from lakehouse.api.history.time_travel import (
    CatalogDiff,
    DiffQuery,
    PinRequest,
    Undone,
    UndoRequest,
    UnpinRequest,
)
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.output import printing
from lakehouse.cli.output.diff_table import print_access_diff, print_diff
from lakehouse.cli.output.tables import print_table
from lakehouse.config import Settings
from lakehouse.domain.counts import counted


async def pin(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse pin NAME@SEQ|TIME`."""
    name, as_of = arguments.pinned
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "pin")
        found = await service.time_travel.pin(caller, PinRequest(name, as_of))
    printing.answer(
        found.body, f"{name}@{as_of}: pinned, event {found.seq}", as_json=arguments.json
    )
    return 0


async def unpin(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse unpin NAME@SEQ`."""
    name, seq = arguments.pinned
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "unpin")
        found = await service.time_travel.unpin(caller, UnpinRequest(name, seq))
    printing.answer(
        found.body, f"{name}@{seq}: pin removed, event {found.seq}", as_json=arguments.json
    )
    return 0


async def pins(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse pins`."""
    async with service_for(settings) as service:
        found = await service.time_travel.pins(caller_of(service, arguments, "pins"))
    if arguments.json:
        printing.document(found.body)
    else:
        names = ("name", "as_of_seq", "objects", "at", "actor", "reason")
        cells = [[getattr(row, name) for name in names] for row in found.body.pins]
        print_table(names, cells, pager=not arguments.no_pager)
    return 0


async def diff(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse diff --from SEQ|TIME [--to SEQ|TIME]`."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "diff")
        query = DiffQuery(arguments.first, arguments.to)
        found = await service.time_travel.diff(caller, query)
    _print_diff(arguments, found.body)
    if not arguments.json and found.body.access:
        print_access_diff(found.body.access, pager=not arguments.no_pager)
    return 0


async def undo(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse undo SEQ [--apply]`: shows the differences; with --apply makes the change."""
    async with service_for(settings) as service:
        caller = caller_of(service, arguments, "undo")
        request = UndoRequest(arguments.seq, not arguments.apply)
        found = await service.time_travel.undo(caller, request)
    body = found.body
    if not arguments.json:
        change = body.type or "no change is needed"
        detail = f"done, event {found.seq}" if arguments.apply else "--apply makes the change"
        printing.line(f"undo of {body.undone_type}, event {body.undoes}: {change}; {detail}")
    return _print_diff(arguments, body)


async def why(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse why NAME [--where CONDITION] [--as-of SEQ|TIME]`."""
    async with service_for(settings, queries=arguments.where is not None) as service:
        caller = caller_of(service, arguments, "why")
        query = WhyQuery(arguments.where, arguments.as_of)
        found = await service.provenance.why(caller, arguments.name, query)
    if arguments.json:
        printing.document(found.body)
        return 0
    if not found.body.uploads:
        printing.message("no upload has such rows")
    for each in found.body.uploads:
        _print_upload(each)
    return 0


COMMANDS = {"why": why, "pin": pin, "unpin": unpin, "pins": pins, "diff": diff, "undo": undo}


def _print_upload(upload: Upload) -> None:
    event, source = upload.event, upload.source
    detail = f"event {event.seq}, {event.type}, {event.at}, {event.actor}"
    printing.line(detail + (f": {event.reason}" if event.reason else ""))
    if source is not None:
        printing.line(
            f"  from a file of {counted(source.size_bytes, 'byte')}, sha256 {source.sha256}"
        )
    for each in upload.objects:
        rows = ", ".join(f"{start} to {stop - 1}" for start, stop in each.rows)
        count = sum(stop - start for start, stop in each.rows)
        printing.line(
            f"  {each.key}: " + (f"{counted(count, 'row')}, {rows}" if rows else "rows not known")
        )


def _print_diff(arguments: argparse.Namespace, body: CatalogDiff | Undone) -> int:
    if arguments.json:
        printing.document(body)
    else:
        print_diff(body.datasets, pager=not arguments.no_pager)
    return 0
