"""`lakehouse delete`, `update` and `erase`: rows of a dataset by a condition."""

import argparse
import asyncio
import sys

import msgspec

from lakehouse.api.rows import DeleteRequest, EraseReport, EraseRequest, UpdateRequest
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.output import printing
from lakehouse.config import Settings
from lakehouse.domain.counts import counted
from lakehouse.domain.errors import Refused, RefusedError

STDIN = "-"


async def delete(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse delete NAME --where CONDITION`."""
    async with service_for(settings, queries=True) as service:
        caller = caller_of(service, arguments, "delete")
        request = DeleteRequest(arguments.name, arguments.where, arguments.dry_run)
        found = await service.rows.delete(caller, request)
    counts = (found.body.rows_deleted, found.body.objects_rewritten)
    text = _sentence(arguments, "deleted", *counts, found.seq)
    printing.answer(found.body, text, as_json=arguments.json)
    return 0


async def update(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse update NAME --set COLUMN=EXPRESSION --where CONDITION`."""
    pairs = _pairs(arguments.set)
    async with service_for(settings, queries=True) as service:
        caller = caller_of(service, arguments, "update")
        request = UpdateRequest(arguments.name, pairs, arguments.where, arguments.dry_run)
        found = await service.rows.update(caller, request)
    counts = (found.body.rows_updated, found.body.objects_rewritten)
    text = _sentence(arguments, "updated", *counts, found.seq)
    printing.answer(found.body, text, as_json=arguments.json)
    return 0


async def erase(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse erase NAME --where CONDITION|- --reason TEXT [--apply]`."""
    where = arguments.where
    if where == STDIN:
        # The arguments of a process are seen by others, and a shell records them.
        where = (await asyncio.to_thread(sys.stdin.read)).strip()
    request = EraseRequest(arguments.name, where, arguments.reason, not arguments.apply)
    async with service_for(settings, queries=True) as service:
        caller = caller_of(service, arguments, "erase")
        found = await service.erasure.erase(caller, request, msgspec.json.encode(request))
    if arguments.json:
        printing.document(found.body)
    else:
        _report(found.body)
    return 0


COMMANDS = {"delete": delete, "update": update, "erase": erase}


def _pairs(texts: list[str]) -> dict[str, str]:
    """The expressions by column. Raises RefusedError `usage`."""
    pairs: dict[str, str] = {}
    for text in texts:
        column, sign, expression = text.partition("=")
        if not sign or not column.strip() or column.strip() in pairs:
            detail = f"--set {text}: write COLUMN=EXPRESSION, each column once"
            raise RefusedError(Refused("usage", detail))
        pairs[column.strip()] = expression.strip()
    return pairs


def _report(report: EraseReport) -> None:
    for row in report.also:
        printing.line(f"not erased: {row.kind} {row.name}: {row.detail}")
    rows = f"{_counts(report.rows, report.objects)} of {counted(report.moments, 'version')}"
    if report.dry_run:
        printing.line(f"{rows}; --apply erases them")
    else:
        detail = f"{counted(report.collected, 'object')} deleted, event {report.seq}"
        printing.line(f"{rows} erased; {detail}")


def _counts(rows: int, objects: int) -> str:
    return f"{counted(rows, 'row')} in {counted(objects, 'object')}"


def _sentence(arguments: argparse.Namespace, done: str, rows: int, objects: int, seq: int) -> str:
    counts = _counts(rows, objects)
    if arguments.dry_run:
        return f"{arguments.name}: {counts} would be {done}"
    return f"{arguments.name}: {counts} {done}" + (f", event {seq}" if rows else "")
