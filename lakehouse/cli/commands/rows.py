"""`lakehouse delete`: rows of a dataset by a condition."""

import argparse

from lakehouse.api.rows import DeleteRequest
from lakehouse.cli import printing
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.config import Settings


async def delete(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse delete NAME --where CONDITION`."""
    async with service_for(settings, queries=True) as service:
        caller = caller_of(service, arguments, "delete")
        request = DeleteRequest(arguments.name, arguments.where, arguments.dry_run)
        found = await service.rows.delete(caller, request)
    if arguments.json:
        printing.document(found.body)
    else:
        counts = (found.body.rows_deleted, found.body.objects_rewritten)
        printing.line(_sentence(arguments, "deleted", *counts, found.seq))
    return 0


COMMANDS = {"delete": delete}


def _counts(rows: int, objects: int) -> str:
    return (
        f"{rows:,} row{'' if rows == 1 else 's'} in {objects:,} object{'' if objects == 1 else 's'}"
    )


def _sentence(arguments: argparse.Namespace, done: str, rows: int, objects: int, seq: int) -> str:
    counts = _counts(rows, objects)
    if arguments.dry_run:
        return f"{arguments.name}: {counts} would be {done}"
    return f"{arguments.name}: {counts} {done}" + (f", event {seq}" if rows else "")
